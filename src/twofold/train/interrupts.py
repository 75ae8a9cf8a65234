"""Ctrl-C and SIGTERM as a question that is asked between two steps."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twofold.core import dist
from twofold.core.processes import LAUNCHED

_ONE_WISH = 1.0
"""Seconds within which signals mean the same wish."""


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The user asked to stop; the checkpoint is written. Its argument is the run folder."""


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether to stop; a second signal, a second later or more, stops at once.

    One wish to stop may arrive twice: from whoever signals all processes, and from the launcher.

    Several processes stop together, whichever of them the signal has reached: each has to ask equally often.
    They stop too where the launcher that would pass on a signal has been killed.
    """
    asked: list[float] = []
    launcher = os.environ.get(LAUNCHED)

    def note(*_: object) -> None:
        if asked and time.monotonic() - asked[0] > _ONE_WISH:
            raise KeyboardInterrupt
        asked.append(time.monotonic())

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody can interrupt
        before = {}
    try:
        yield lambda: dist.anyone(bool(asked) or launcher not in (None, str(os.getppid())))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
