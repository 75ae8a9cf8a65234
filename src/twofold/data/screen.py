"""What the user is told while data is opened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int], None]
"""Moves a progress bar on by some steps."""


class Screen:
    """Lines and progress bars on stderr, or silence.

    Args:
        speaks: False says and draws nothing.
    """

    def __init__(self, speaks: bool = True) -> None:
        self._console = Console(stderr=True, quiet=not speaks, soft_wrap=True, highlight=False)
        self._progress: Progress | None = None

    def say(self, text: str) -> None:
        """Prints one line."""
        self._console.print(escape(text))

    @contextmanager
    def bar(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """A progress bar, drawn only on a terminal; inside of another one, beneath it.

        Args:
            what: Is done.
            total: Steps of it; None where nobody knows.
        """
        with self._drawn() as progress:
            task = progress.add_task(escape(what), total=total)
            try:
                yield lambda steps: progress.advance(task, steps)
            finally:
                progress.remove_task(task)

    @contextmanager
    def _drawn(self) -> Iterator[Progress]:
        if self._progress is not None:
            yield self._progress
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = self._console.is_terminal and not self._console.quiet
        with Progress(*columns, console=self._console, transient=True, disable=not shown) as progress:
            self._progress = progress
            try:
                yield progress
            finally:
                self._progress = None


def readable(size: float) -> str:
    """Bytes in the unit a person would use, as ``146.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
