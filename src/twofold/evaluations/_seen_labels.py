"""Whether a run has learned from the labels of the very images that judge it."""

import json
from collections.abc import Iterator
from pathlib import Path

from twofold.core import registry
from twofold.core.errors import TwofoldError
from twofold.core.run import Run, RunFolder
from twofold.evaluations._subjects import Subject
from twofold.evaluations._task import Task
from twofold.nn.class_network import ABOUT


def seen_labels(text: str, subject: Subject, task: Task) -> list[str]:
    """What a reader of the subject's figures has to know, if anything.

    That the data has another fingerprint than the run's clears nobody: it changes with a single label, and
    with how images are stored. Nor does what a student has learned from tell what its teacher has.

    Args:
        text: As the user named the subject.
        subject: It.
        task: What it is judged on.
    """
    file = Path(text)
    if task.classes and _was_fine_tuned(file.parent):
        return [
            f"{subject.name} is of a classifier that was fine-tuned on all labelled images it was given: if "
            "the judged ones are among them, this is no test; its own scores are in classifier.json"
        ]
    line = list(_line(subject.run or (file.parent if file.is_file() else None)))
    apart = "judge it on a labelled split (test, val) that it has not learned from"
    fitted = [run for run in line if _learns_from_labels(run)]
    if task.held_out_of_train and fitted:
        same = any(run.data["fingerprint"] == task.protocol["fingerprint"] for run in fitted)
        has = "has" if same else "may have"
        return [
            f"{subject.name} {has} learned from the labels of the judged images, which is no test: {apart}"
        ]
    if task.classes and any("teacher" in run.parents for run in line):
        return [
            f"{subject.name}: its teacher may have been fitted to the judged images, labels and all; "
            f"if so, {apart}"
        ]
    return []


def _was_fine_tuned(folder: Path) -> bool:
    """Whether it is the folder of a classifier whose encoder was trained with it."""
    try:
        return bool(json.loads((folder / ABOUT).read_text(encoding="utf-8"))["finetuned"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _line(folder: Path | None) -> Iterator[Run]:
    """The run, the one that it started from, and so on, as far as they are there."""
    seen: set[Path] = set()
    while folder is not None and (folder / "spec.json").is_file() and folder.resolve() not in seen:
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
    method = run.method
    return bool(registry.find("methods", method["name"]).told_labels(method["arguments"]))
