"""What is judged on what: the same for every subject."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.core.source import Images, Source
from twofold.data.parts import Joined, Part
from twofold.data.splits import JudgeOn, groups_of, has_labels, held_out, judging_split
from twofold.evaluations._classes import misfit, notes
from twofold.evaluations._look import Look


@dataclass(frozen=True)
class Task:
    """Labelled images to fit on and to judge on.

    Args:
        fit: What probes see, and all that anything is selected on.
        judge: What they are judged on.
        classes: Names of the classes.
        seed: Of every draw: of labels, of what is held out to select on.
        protocol: Which data and which split, for the record.
        notes: What a reader of the figures has to know.
        groups: Group of each image to fit on, where some belong together: whatever is held out to select on
            takes whole groups.
        group_by: How groups are told, as the user said it.
        held_out_of_train: Whether the judged images are a part of ``train``, and so of what was learned from.
        validation: Which images to fit on are there to select on; None holds a fifth of them out.
        judge_on: Whether ``test`` is left alone, as the user said it.
    """

    fit: Images
    judge: Images
    classes: tuple[str, ...]
    seed: int
    protocol: dict[str, Any]
    notes: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    group_by: str | None = None
    held_out_of_train: bool = False
    validation: Bool[np.ndarray, " n"] | None = None
    judge_on: JudgeOn = "test"

    @property
    def held_out(self) -> Bool[np.ndarray, " n"]:
        """Which images to fit on something is selected on; candidates are fitted on the others."""
        if self.validation is not None:
            return self.validation
        labels = self.fit.labels
        alike = np.zeros(len(self.fit), np.int64)
        return held_out(alike if labels is None else labels, self.groups, self.seed)

    @property
    def selected_on(self) -> str:
        """Which these are, in words."""
        if self.validation is not None:
            return "val"
        kept = "" if self.group_by is None else f"groups by '{self.group_by}' kept whole, "
        return f"a held-out fifth of the fitted images ({kept}seed {self.seed})"


class Embedded(NamedTuple):
    """What an evaluation is given: one subject's features of both sides of the task.

    Args:
        subject: Name of what is judged.
        task: What it is judged on.
        fit: Features of the images to fit on.
        judge: Features of the images to judge on.
        protocol: The task's, and how the subject saw the images.
        look: How it sees any other image.
        network: Which of the subject's networks this is, where it is judged by the mean of several.
    """

    subject: str
    task: Task
    fit: Float[Tensor, "n d"]
    judge: Float[Tensor, "m d"]
    protocol: dict[str, Any]
    look: Look
    network: int = 0

    @property
    def fit_labels(self) -> Int[Tensor, " n"]:
        """Classes of the images to fit on, where the features are."""
        return torch.from_numpy(labels_of(self.task.fit)).to(self.fit.device)

    @property
    def judge_labels(self) -> Int[Tensor, " m"]:
        """Classes of the images to judge on, where the features are."""
        return torch.from_numpy(labels_of(self.task.judge)).to(self.judge.device)


def make_task(
    source: Source,
    *,
    judge_on: JudgeOn = "test",
    group_by: str | None = None,
    table: Path | None = None,
    seed: int = 0,
    labelled: bool = True,
) -> Task:
    """The task that a data set's labels make; of all images where it has no fit ones and none are needed.

    Args:
        source: With labels.
        judge_on: ``val`` leaves ``test`` alone, as if it were not there.
        group_by: Keeps images of one group on one side wherever some are held out, to judge on or to select
            on: a regular expression or a column of ``table``. Where splits part a group, that is noted.
        table: The CSV file of labels.
        seed: Of every draw.
        labelled: Whether labels are needed. Where they are not, and there are none that fit, what is learned
            from is to fit on, ``test`` or ``val`` to judge on, else a held-out fifth, and the task has no
            classes.

    Raises:
        TwofoldError: If the labels do not fit: none, one class, or classes to judge that cannot be learned.
    """
    how = {"judge_on": judge_on, "group_by": group_by, "table": table, "seed": seed}
    task = replace(_plain_task(source, labelled, how), judge_on=judge_on)
    return task if group_by is None else _grouped(task, group_by, groups_of(source, group_by, table))


def _plain_task(source: Source, labelled: bool, how: dict[str, Any]) -> Task:
    if not labelled and not has_labels(source):
        return _without_labels(source, how, "the images have no labels")
    fit_name, fit, judge_name, judge, split = judging_split(source, **how)
    learned, asked = set(labels_of(fit).tolist()), set(labels_of(judge).tolist())
    wrong = misfit(source, learned, asked, (fit_name, judge_name), how["group_by"] is not None)
    if wrong and labelled:
        raise TwofoldError(wrong)
    if wrong:
        return _without_labels(source, how, f"no labels were used: {wrong}")
    told, held_out_of_train = notes(source, learned, asked, judge_name), judge_name.startswith("train")
    protocol = about(source, split, fit, judge)
    return Task(fit, judge, source.classes, how["seed"], protocol, told, held_out_of_train=held_out_of_train)


def _without_labels(source: Source, how: dict[str, Any], why: str) -> Task:
    _, fit, judge_name, judge, split = judging_split(source, labelled=False, **how)
    seen = "a run that has learned from these images has seen the judged ones, too: keep a test folder apart"
    told = (why, seen) if judge_name.startswith(("train", "unlabelled")) else (why,)
    return Task(fit, judge, (), how["seed"], about(source, split, fit, judge), told)


def _grouped(task: Task, group_by: str, named: Mapping[str, str]) -> Task:
    """The task with its groups, and a note where splits, which stay as they are, part some."""
    groups = tuple(named[path] for path in task.fit.paths)
    fitted = {*groups}
    shared = sum(named[path] in fitted for path in task.judge.paths)
    parted = (
        f"{shared:,} of the {len(task.judge):,} judged images are of groups that are fitted on, too: "
        "--group-by moves no image from one split to another"
    )
    told = (*task.notes, parted) if shared else task.notes
    return replace(task, notes=told, groups=groups, group_by=group_by)


def about(source: Source, how: str, fit: Images, judge: Images) -> dict[str, Any]:
    """What a task's protocol says of its data; ``how`` they were parted, in words."""
    return {
        "data": source.name,
        "fingerprint": source.fingerprint,
        "split": how,
        "fit_images": len(fit),
        "judge_images": len(judge),
    }


def with_validation(task: Task, source: Source) -> Task:
    """The task that selects on the data's own validation images and is then fitted on them, too.

    It stays as it is where there are none, or where they are what is judged on.
    """
    val = source.splits.get("val")
    if val is None or val.labels is None or not (val.labels >= 0).any():
        return task
    if {*val.paths} & {*task.fit.paths, *task.judge.paths}:
        return task
    labelled = Part(val, np.flatnonzero(val.labels >= 0))
    fit = Joined([task.fit, labelled])
    fit.labels = np.concatenate([labels_of(task.fit), labels_of(labelled)])
    split = task.protocol["split"].replace("fitted on train", "fitted on train and val")
    return replace(
        task,
        fit=fit,
        protocol={**task.protocol, "split": split, "fit_images": len(fit)},
        validation=np.arange(len(fit)) >= len(task.fit),
    )


def labels_of(images: Images) -> Int[np.ndarray, " n"]:
    """Classes of images that all have one."""
    labels = images.labels
    assert labels is not None
    return labels


def some_of(images: Images, most: int, seed: int) -> Images:
    """At most so many of the images, drawn at random and in random order.

    Raises:
        TwofoldError: If there are not two: there is nothing to compare.
    """
    if len(images) < 2:
        raise TwofoldError("one image alone cannot be compared with others: give two at least")
    return Part(images, np.random.default_rng(seed).permutation(len(images))[:most])


def channels_of(images: Images) -> int:
    """1 or 3."""
    return images.read(np.arange(1))[0].shape[-1]
