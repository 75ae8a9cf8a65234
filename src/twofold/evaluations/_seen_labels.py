"""Whether a run has learned from the labels of the very images that judge it."""

from collections.abc import Iterator
from pathlib import Path

from twofold.core import registry
from twofold.core.errors import TwofoldError
from twofold.core.run import Run, RunFolder
from twofold.evaluations._task import Task


def seen_labels(name: str, folder: Path, task: Task) -> str | None:
    """What a reader of the run's figures has to know, or nothing.

    Args:
        name: Of the run.
        folder: Where it is.
        task: What it is judged on.
    """
    same = [run for run in _line(folder) if run.data["fingerprint"] == task.protocol["fingerprint"]]
    apart = "judge it on a labelled split (test, val) that it has not learned from"
    if task.held_out_of_train and any(map(_learns_from_labels, same)):
        return f"{name} has learned from the labels of the judged images, which is no test: {apart}"
    if task.classes and any("teacher" in run.parents for run in same):
        return (
            f"{name}: its teacher may have been fitted to the judged images, labels and all; if so, {apart}"
        )
    return None


def _line(folder: Path) -> Iterator[Run]:
    """The run, the one that it started from, and so on, as far as they are there."""
    seen: set[Path] = set()
    while (folder / "spec.json").is_file() and folder.resolve() not in seen:
        seen.add(folder.resolve())
        try:
            run = RunFolder(folder).run
        except TwofoldError:  # damaged: nothing is known of it
            return
        yield run
        start = Path(run.parents.get("init", ""))
        if not start.is_absolute():  # none, or public weights
            return
        folder = start.parent


def _learns_from_labels(run: Run) -> bool:
    return bool(registry.find("methods", run.method["name"]).learns_from_labels)
