"""Images that may show several classes: a logistic regression for each, and the mean of their precisions."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.core.source import Images, Source
from twofold.data.parts import Joined, Part
from twofold.data.splits import JudgeOn
from twofold.data.voc import Voc
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._standardise import standardised
from twofold.evaluations._task import Embedded, Task, about
from twofold.metrics.average_precision import mean_average_precision
from twofold.metrics.intervals import Estimate


class SeveralClasses(NamedTuple):
    """A task whose images show any number of classes.

    Args:
        task: The images, without a class each.
        fit: For each image to fit on and each class: 1 if it shows it, 0 if not, -1 if that does not count.
        judge: The same of the images to judge on.
    """

    task: Task
    fit: Int[Tensor, "n c"]
    judge: Int[Tensor, "m c"]


class Found(NamedTuple):
    """What a choice of strength led to."""

    estimate: Estimate
    strength: float
    held_out: float


def several_classes(voc: Voc, source: Source, seed: int, judge_on: JudgeOn = "test") -> SeveralClasses:
    """Fitted on ``train``, judged on ``test``, ``val`` being selected on; else judged on ``val``.

    Args:
        voc: What its images show.
        source: The data.
        seed: Of what is held out to select on.
        judge_on: ``val`` leaves ``test`` alone, as if it were not there.

    Raises:
        TwofoldError: If there is nothing to fit or to judge on, or images that are listed are not there.
    """
    asked = "test" if judge_on == "test" and "test" in voc.splits else "val"
    if not {"train", asked} <= {*voc.splits}:
        beside = "test.txt or val.txt" if judge_on == "test" else "for --judge-on val a val.txt"
        raise TwofoldError(f"{source.name}: judging needs ImageSets/Main/train.txt, and {beside} beside it")
    fitted = [name for name in ("train", "val") if name in voc.splits and name != asked]
    names = [image for split in fitted for image in voc.splits[split]]
    whole = Joined([*source.splits.values()])
    fit, judge = (_part(whole, images, source.name) for images in (names, voc.splits[asked]))
    how = f"fitted on {' and '.join(fitted)}, judged on {asked}"
    validation = np.arange(len(fit)) >= len(voc.splits["train"]) if len(fitted) > 1 else None
    task = Task(fit, judge, (), seed, about(source, how, fit, judge), validation=validation)
    shown = (torch.from_numpy(voc.shown(images)) for images in (names, voc.splits[asked]))
    return SeveralClasses(task, *shown)


def _part(whole: Images, images: Sequence[str], data: str) -> Part:
    rows = {
        PurePosixPath(path).stem: row
        for row, path in enumerate(whole.paths)
        if "JPEGImages" in path.split("/")
    }
    missing = [image for image in images if image not in rows]
    if missing:
        raise TwofoldError(
            f"{data}: JPEGImages lacks {len(missing):,} images that ImageSets/Main lists, as {missing[0]}"
        )
    return Part(whole, np.array([rows[image] for image in images]))


def judged(embedded: Embedded, classes: SeveralClasses, strengths: Sequence[float]) -> Found:
    """One strength for all classes is chosen by its mAP on what is held out; then all are fitted again.

    Args:
        embedded: Features of the task's images.
        classes: What they show.
        strengths: L2 strengths to select from, ``mean cross-entropy + strength / 2 * |w|^2``.

    Raises:
        TwofoldError: If no image to select on, or to judge, shows any class.
    """
    strengths = sorted(strengths, reverse=True)
    fit, judge = standardised(embedded.fit, embedded.judge)
    shown, asked = classes.fit.to(fit.device), classes.judge.to(fit.device)
    held = torch.from_numpy(embedded.task.held_out).to(fit.device)
    for purpose, has in (("to select on", shown[held]), ("to judge", asked)):
        if not (has == 1).any():
            raise TwofoldError(f"{embedded.task.protocol['data']}: no image {purpose} shows any class")
    tried = torch.stack(
        [torch.stack([*_scores(fit[~held], has, strengths, fit[held])]) for has in shown[~held].T], dim=2
    )
    on_held = [mean_average_precision(scores, shown[held], draws=0).value for scores in tried]
    best = max(range(len(strengths)), key=lambda place: on_held[place])
    scores = [next(_scores(fit, has, strengths[best : best + 1], judge)) for has in shown.T]
    estimate = mean_average_precision(torch.stack(scores, dim=1), asked)
    return Found(estimate, strengths[best], on_held[best])


def _scores(
    features: Float[Tensor, "n d"],
    shown: Int[Tensor, " n"],
    strengths: Sequence[float],
    asked: Float[Tensor, "m d"],
) -> Iterator[Float[Tensor, " m"]]:
    """How likely images show the class, by one strength after another.

    A softmax over two classes shares the difference of their weights out to both, so that its penalty is half
    of what a logistic regression's is at the same strength.
    """
    counted = shown >= 0
    regression, classifier = LogisticRegression(features[counted], (shown[counted] == 1).long(), 2), None
    for strength in strengths:
        classifier = regression.fit(2 * strength, classifier)
        (without, with_), (low, high) = classifier.weight, classifier.bias
        yield asked @ (with_ - without) + (high - low)
