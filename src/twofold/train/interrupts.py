"""Ctrl-C and SIGTERM as a question that is asked between two steps."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twofold.core import dist
from twofold.core.processes import LAUNCHED


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The user asked to stop; the checkpoint is written. Its argument is the run folder."""


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether to stop; a second signal stops at once.

    Several processes stop together, whichever of them the signal has reached: each has to ask equally often.
    They stop too where the launcher that would pass on a signal has been killed.
    """
    asked: list[int] = []
    launcher = os.environ.get(LAUNCHED)

    def note(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody can interrupt
        before = {}
    try:
        yield lambda: dist.anyone(bool(asked) or launcher not in (None, str(os.getppid())))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
