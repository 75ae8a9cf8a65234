"""Progress on the terminal: a live bar, or plain lines where nobody watches. One process shows it for all."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from twofold.core.processes import is_first

if TYPE_CHECKING:
    from twofold.core.batch import Progress

_PAUSE = 0.1
"""Seconds between two looks at the figures, each of which waits for the device."""

console = Console(stderr=True, highlight=False, quiet=not is_first())


class LiveShow:
    """The live bar of a training: epoch, loss, collapse gauges, images/s, time left, probes."""

    def __init__(self) -> None:
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
        )
        self._bar = Bar(*columns, console=console, transient=False, refresh_per_second=4)
        self._task: Any = None
        self._printed = -1
        self._moved = float("-inf")

    def __enter__(self) -> "LiveShow":
        if console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if console.is_terminal:
            self._bar.stop()

    def note(self, text: str) -> None:
        """One line above the bar; in a file it stays one."""
        self._bar.console.print(text, markup=False, soft_wrap=not console.is_terminal)

    def step(self, progress: "Progress", figures: Callable[[], dict[str, float]]) -> None:
        """Moves the bar, some times a second; without a terminal prints a line each twentieth of the way."""
        epoch = f"{min(progress.epoch + 1, progress.epochs)}/{progress.epochs}"
        if not console.is_terminal:
            share = progress.step * 20 // progress.total
            if share > self._printed:
                self._printed = share
                step = f"step {progress.step}/{progress.total}"
                console.print(f"epoch {epoch} {step} {describe(figures())}", soft_wrap=True)
            return
        now = time.monotonic()
        if now - self._moved < _PAUSE and progress.step < progress.total:
            return
        self._moved, text = now, describe(figures())
        if self._task is None:
            self._task = self._bar.add_task("", total=progress.total, epoch=epoch, figures=text)
        self._bar.update(self._task, completed=progress.step, epoch=epoch, figures=text)


def describe(figures: Mapping[str, float]) -> str:
    """A line: ``loss 4.123  std 0.93  rank 41.2  812 img/s  3:20 left  k-NN 51.2%  linear 48.0%``."""
    parts = [f"loss {figures['loss']:.3f}"]
    if "std" in figures:
        parts += [f"std {figures['std']:.2f}", f"rank {figures['rank']:.1f}"]
    if figures["images_per_second"]:
        parts.append(f"{figures['images_per_second']:.0f} img/s")
        parts.append(f"{clock(figures['seconds_left'])} left")
    if "knn" in figures:
        parts += [f"k-NN {100 * figures['knn']:.1f}%", f"linear {100 * figures['linear']:.1f}%"]
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
