"""Transfer to other data sets."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.core.evaluation import Score
from twofold.core.processes import is_first
from twofold.core.source import Source
from twofold.data import open_source
from twofold.data.voc import Voc, find_voc
from twofold.evaluations import _caltech
from twofold.evaluations._options import at_least
from twofold.evaluations._scores import FOUND
from twofold.evaluations._several_classes import SeveralClasses, judged, several_classes
from twofold.evaluations._subjects import pixels
from twofold.evaluations._task import Embedded, Task, make_task, with_validation
from twofold.evaluations.finetune import Finetune
from twofold.evaluations.linear import Linear
from twofold.metrics.intervals import Estimate

STRENGTHS = tuple(float(strength) for strength in np.logspace(5, -6, 45))
"""Of Kornblith et al.: 45 from 1e-6 to 1e5, even on a logarithmic scale."""

ACCURACY, MEAN_RECALL = "accuracy", "mean recall of the classes"

MEAN_PER_CLASS = re.compile(
    r"(?<![a-z])((fgvc)?aircraft|(oxford|vgg)?flowers|(oxford)?(iiit)?pets?"
    rf"|{_caltech.NAMES})(?![a-z])"
)
"""Found in the names of data sets whose figure is the mean of the classes' recalls; else it is accuracy."""


@dataclass(frozen=True)
class Transfer:
    """Transfer: what the encoder is worth on other data sets, by logistic regression, or trained further.

    The protocol of Kornblith et al. (CVPR 2019, arXiv:1805.08974) and the papers since, on whichever data
    sets are at hand: of theirs Food-101, CIFAR-10, CIFAR-100, DTD, Pets and Flowers are known by name; others
    are named by their folder or archive. Features of the middle of each image, resized bicubic so that its
    short side is the view's; each channel is standardised, as in ``linear``. Multinomial logistic regression
    by L-BFGS; the strength of its penalty is chosen from 45 on ``val``, and ``train`` and ``val`` are fitted
    again; where there is no ``val`` beside ``test``, on a fifth of ``train`` that is held out. It is judged
    once, on ``test``, else on ``val``, else on a held-out fifth; ``--judge-on val`` leaves ``test`` alone
    here, too. Of Caltech-101, which has no splits, 30 images of each class are drawn to be ``train``, as in
    the paper, and the others are ``test``.

    The figure of a data set is the usual one of its name: mean per class for Aircraft, Caltech-101, Flowers
    and Pets, 11-point mAP for what is laid out as Pascal VOC 2007 (a logistic regression for each class, the
    strength being one for all of them; images in which all objects of a class are difficult do not count for
    it), else accuracy. Raw pixels of a large data set take minutes.

    Args:
        data: The data sets: names, folders or archives.
        finetune: Whether the network is also trained on each of them, as ``finetune`` does by default: one
            with weights further, a random one from scratch. Not on images of several classes.
        images: At most so many images of each that it is trained on, drawn at random; None is all. The
            logistic regression has all of them.
        store_size: Short side in pixels to which larger images are shrunk; None is 256. For encoders of
            larger views.
        labels: Where the labels of each data set are, in the same order: ``auto``, ``folders`` or FILE.csv;
            none is ``auto`` for all.
        value_range: LOW:HIGH, black and white in images of more than 8 bits; None is their own.
    """

    shown: ClassVar[tuple[str, ...]] = ("score",)
    needs_labels: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    data: tuple[str, ...] = ()
    finetune: bool = False
    images: int | None = 2000
    store_size: int | None = None
    labels: tuple[str, ...] = ()
    value_range: str | None = None

    def __post_init__(self) -> None:
        """Refuses to judge on nothing.

        Raises:
            UsageError: If no data set is named, a number is too small, or labels are not one a data set.
        """
        at_least(2, self, "images")
        at_least(1, self, "store_size")
        if not self.data:
            raise UsageError('transfer: say to which data, --transfer.data "[cifar10,photos.zip]"')
        if self.labels and len(self.labels) != len(self.data):
            raise UsageError(
                f"transfer: labels of {len(self.labels)} data sets for {len(self.data)}: give them for each, "
                "auto where it has its own"
            )

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """A figure of each data set by each arm."""
        linear = Linear(strengths=STRENGTHS, patience=None)
        for source, task, classes in self._judged_on(embedded.task):
            there = self._embedded(embedded, source, task)
            if classes is not None:
                yield _precision(there, classes)
                continue
            yield _usual(list(linear(there)), there, "linear")
            if self.finetune and (tuned := list(Finetune(images=self.images)(there))):
                yield _usual(tuned, there, "finetune")

    def tasks(self, task: Task) -> Iterator[Task]:
        """What each data set is judged on; its notes tell its figure where that is not accuracy."""
        for source, there, classes in self._judged_on(task):
            measure, left_out = _measure(there, classes), len(source.skipped)
            told = [] if measure == ACCURACY else [f"the figure is the {measure}"]
            if left_out:
                told.append(f"files left out: {left_out:,} (see: twofold check)")
            yield replace(there, notes=(*there.notes, *told))

    @cached_property
    def _opened(self) -> list[tuple[Source, Voc | None]]:
        """Each data set, and what its images show where they show several classes."""
        found = []
        for name, labels in zip(self.data, self.labels or ("auto",) * len(self.data), strict=True):
            with dist.one_before_the_others():
                source = open_source(
                    name,
                    labels=labels,
                    store_size=self.store_size,
                    value_range=self.value_range,
                    progress=is_first(),
                )
            found.append((source, find_voc(name)))
        return found

    def _judged_on(self, task: Task) -> Iterator[tuple[Source, Task, SeveralClasses | None]]:
        """Each data set, its task by the seed and the split of another one, and its classes if several."""
        for source, voc in self._opened:
            if voc is None:
                yield source, _single(source, task), None
            else:
                several = several_classes(voc, source, task.seed, task.judge_on)
                yield source, several.task, several

    def _embedded(self, embedded: Embedded, source: Source, task: Task) -> Embedded:
        """The same subject on another data set; raw pixels are that data set's own."""
        look = replace(embedded.look, framing="whole")
        own = {key: value for key, value in embedded.protocol.items() if key not in embedded.task.protocol}
        if embedded.subject == "pixels":
            seen = pixels(source)
            network = look.engine.place(seen.networks[0]())
            look = replace(look, network=network, size=seen.size, channels=seen.channels)
            own |= seen.protocol
        with look.screen.bar(task.protocol["data"], len(task.fit) + len(task.judge)) as advance:
            fit, judge = (look.features(images, advance=advance) for images in (task.fit, task.judge))
        protocol = {**task.protocol, **own, "framing": "short side whole, bicubic"}
        return embedded._replace(task=task, fit=fit, judge=judge, protocol=protocol, look=look)


def _single(source: Source, like: Task) -> Task:
    """The task of images of one class each."""
    if not _caltech.lacks_splits(source):
        return with_validation(make_task(source, judge_on=like.judge_on, seed=like.seed), source)
    task = make_task(_caltech.drawn(source, like.seed), judge_on=like.judge_on, seed=like.seed)
    how = f"train being {_caltech.PER_CLASS} images of each class, drawn with seed {like.seed}"
    protocol = {**task.protocol, "split": f"{task.protocol['split']}, {how}"}
    return replace(task, protocol=protocol, held_out_of_train=True)


def _measure(task: Task, classes: SeveralClasses | None) -> str:
    """The figure that the data set is known by."""
    if classes is not None:
        return f"11-point mAP of {classes.judge.shape[1]} classes"
    return MEAN_RECALL if MEAN_PER_CLASS.search(task.protocol["data"].lower()) else ACCURACY


def _usual(scores: list[Score], there: Embedded, arm: str) -> Score:
    """The figure that the data set is known by."""
    data, accuracy = there.task.protocol["data"], scores[0]
    estimate = Estimate(accuracy.value, accuracy.low, accuracy.high)
    measure = _measure(there.task, None)
    if measure == MEAN_RECALL:
        estimate = _mean([one for one in scores if one.metric.startswith("recall/")])
        accuracy = replace(accuracy, per_image=_as_mean_recall(accuracy.per_image, there))
    protocol = {"to": data, "arm": arm, "measure": measure, **accuracy.protocol}
    return replace(
        accuracy,
        evaluation="transfer",
        metric="score",
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        protocol=protocol,
    )


def _as_mean_recall(right: Float[np.ndarray, " m"] | None, there: Embedded) -> Float[np.ndarray, " m"] | None:
    """Weighted so that each class that was judged counts the same, whatever images it has."""
    if right is None:
        return None
    labels = there.judge_labels
    images = labels.bincount()
    weights = len(labels) / (images[labels] * int((images > 0).sum()))
    weighted: np.ndarray = right * weights.double().cpu().numpy()
    return weighted


def _precision(there: Embedded, classes: SeveralClasses) -> Score:
    """The figure of images that show several classes."""
    found = judged(there, classes, STRENGTHS)
    protocol = {
        "to": there.task.protocol["data"],
        "arm": "linear",
        "measure": _measure(there.task, classes),
        "strengths": list(STRENGTHS),
        "selected": f"L2 strength, on {there.task.selected_on}",
        **there.protocol,
        FOUND: {"strength": found.strength, "held_out_map": found.held_out},
    }
    return Score(there.subject, "transfer", "score", *found.estimate, protocol)


def _mean(recalls: Sequence[Score]) -> Estimate:
    """Of the classes, each judged on images of its own."""
    value = sum(one.value for one in recalls) / len(recalls)
    below, above = (
        math.hypot(*(one.value - end(one) for one in recalls)) / len(recalls)
        for end in (lambda one: one.low, lambda one: one.high)
    )
    return Estimate(value, value - below, value + above)
