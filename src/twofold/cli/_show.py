"""Progress on the terminal: a live bar, or plain lines where nobody watches. One process shows it for all."""

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from twofold.core.processes import is_first

console = Console(stderr=True, highlight=False, quiet=not is_first())


class LiveShow:
    """The live bar of a training: epoch, loss, images/s, time left, collapse gauge, k-NN."""

    def __init__(self) -> None:
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
        )
        self._bar = Progress(*columns, console=console, transient=False, refresh_per_second=4)
        self._task: Any = None
        self._printed = -1

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
        """One line above the bar."""
        self._bar.console.print(text)

    def step(self, progress: Any, figures: dict[str, float]) -> None:
        """Moves the bar; without a terminal prints a line each twentieth of the way."""
        text = describe(figures)
        epoch = f"{min(progress.epoch + 1, progress.epochs)}/{progress.epochs}"
        if not console.is_terminal:
            self._print_line(progress, f"epoch {epoch} step {progress.step}/{progress.total} {text}")
            return
        if self._task is None:
            self._task = self._bar.add_task("", total=progress.total, epoch=epoch, figures=text)
        self._bar.update(self._task, completed=progress.step, epoch=epoch, figures=text)

    def _print_line(self, progress: Any, line: str) -> None:
        share = progress.step * 20 // progress.total
        if share > self._printed:
            self._printed = share
            console.print(line)


def describe(figures: dict[str, float]) -> str:
    """The figures in a line: ``loss 4.123  std 0.93  812 img/s  3:20 left  k-NN 51.2%``."""
    parts = [f"loss {figures['loss']:.3f}"]
    if figures["std"] == figures["std"]:
        parts.append(f"std {figures['std']:.2f}{' COLLAPSED?' if figures['std'] < 0.1 else ''}")
    if figures["images_per_second"]:
        parts.append(f"{figures['images_per_second']:.0f} img/s")
        parts.append(f"{clock(figures['seconds_left'])} left")
    if "knn" in figures:
        parts.append(f"k-NN {100 * figures['knn']:.1f}%")
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
