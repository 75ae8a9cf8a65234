"""Accuracy with a handful of labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.evaluation import Score
from twofold.core.threads import one_thread
from twofold.evaluations._arm import Arm, learns_from_scratch
from twofold.evaluations._finetune import FROM_SCRATCH, OPTIMIZER
from twofold.evaluations._label_lists import Lists, draws, draws_of_share, keep_lists, read_lists
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._options import above_zero, at_least
from twofold.evaluations._scores import FOUND
from twofold.evaluations._standardise import standardised
from twofold.evaluations._task import Embedded, Task, labels_of
from twofold.metrics.intervals import over_repeats, standard_deviation, wilson
from twofold.nn.encoder import Encoder

Trainer: TypeAlias = Callable[[Int[np.ndarray, " labelled"]], Int[Tensor, " m"]]
"""Learns from some rows of ``task.fit`` and their labels; returns the classes of all of ``task.judge``."""

_PASSES = 30.0
"""Of fine-tuning, at least a hundred steps."""


@dataclass(frozen=True)
class FewLabels:
    """Accuracy with a few labels, over many draws of which images are labelled.

    The draws are the same for every subject, and are kept in the cache as lists of paths. The probe is a
    logistic regression on features that are standardised over all images to fit on, which takes no labels,
    and scaled to unit length; its strength is fixed, because a handful of labels leaves nothing to select on.
    So are rate and length where the whole network is trained on the first draws: by AdamW on crops and mirror
    images, from a head that is fitted to features standardised alike; a random network from scratch, and of
    several random ones the first.

    Args:
        per_class: Numbers of labels of each class, each judged by itself.
        shares: Shares of the labels of each class, rounded up, each judged by itself, too.
        draws: How often the labelled images are drawn.
        l2: Strength of the penalty: ``mean cross-entropy + l2 / 2 * |W|^2``.
        finetune: On how many of the draws the whole network is trained, too. Raw pixels cannot be.
        lists: A folder of lists to take instead of drawing: text files (.txt) of the paths of labelled
            images, one a line. Each list is a draw. Those of one folder are averaged: the folder itself, and
            each folder in it. The whole network is trained on all of them, or on none.
    """

    measured: ClassVar[tuple[str, ...]] = ("accuracy",)

    per_class: tuple[int, ...] = (1, 10)
    shares: tuple[float, ...] = (0.01, 0.1)
    draws: int = 20
    l2: float = 1e-3
    finetune: int = 0
    lists: str | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be drawn.

        Raises:
            UsageError: If a share is no share, or a number none.
        """
        at_least(0, self, "finetune")
        at_least(1, self, "per_class", "draws")
        above_zero(self, "shares", "l2")
        if any(share > 1 for share in self.shares):
            raise UsageError(f"few_labels: shares {max(self.shares):g}: it is at most 1")
        if not (self.per_class or self.shares or self.lists):
            raise UsageError("few_labels: give per_class, shares or lists: nothing is labelled")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the probe, and of the whole network where it is trained."""
        yield from self.scores(
            embedded.subject,
            embedded.task,
            self._probe(embedded),
            {"arm": "probe", "l2": self.l2, **embedded.protocol},
        )
        if self.finetune and embedded.look.encoder is not None and embedded.network == 0:
            yield from self._finetuned(embedded, embedded.look.encoder)

    def _probe(self, embedded: Embedded) -> Trainer:
        fit, judge = (
            functional.normalize(side, dim=1) for side in standardised(embedded.fit, embedded.judge)
        )
        labels, classes = embedded.fit_labels, len(embedded.task.classes)

        def probe(rows: Int[np.ndarray, " labelled"]) -> Int[Tensor, " m"]:
            chosen = torch.from_numpy(rows).to(fit.device)
            with one_thread():  # a second one only waits, or is waited for, in problems this small
                classifier = LogisticRegression(fit[chosen], labels[chosen], classes).fit(self.l2)
            return classifier.predict(judge)

        return probe

    def _finetuned(self, embedded: Embedded, encoder: Encoder) -> Iterator[Score]:
        as_long = embedded.fit.shape[1]  # are standardised features, squared; those of the probe are 1
        arm = Arm(embedded, encoder, "linear", self.l2 * as_long)
        rate = (FROM_SCRATCH if learns_from_scratch(embedded) else OPTIMIZER).lr

        def train(rows: Int[np.ndarray, " labelled"]) -> Int[Tensor, " m"]:
            return arm.predicted(arm.trained(rows, rate, _PASSES), embedded.task.judge)

        about = {"arm": "finetune", "l2": self.l2, "rate": rate, "passes": _PASSES, **arm.protocol}
        some = replace(self, draws=min(self.draws, self.finetune))
        yield from some.scores(
            embedded.subject, embedded.task, train, {**embedded.protocol, "networks": 1, **about}
        )

    def scores(self, subject: str, task: Task, trainer: Trainer, protocol: dict[str, Any]) -> Iterator[Score]:
        """Scores of any way to learn from a few labels, on the same draws.

        Args:
            subject: Name of what is judged.
            task: What it is judged on.
            trainer: Called once a draw.
            protocol: What the trainer does, for the record.

        Raises:
            TwofoldError: If a class has too few images, or the lists do not fit.
        """
        truth = torch.from_numpy(labels_of(task.judge))
        for lists in self.drawn(task):
            right = [(trainer(rows).cpu() == truth).numpy() for rows in lists.draws]
            estimates = [wilson(int(each.sum()), len(truth)) for each in right]
            about = {
                **lists.about,
                **protocol,
                "draws": len(lists.draws),
                "seed": task.seed,
                FOUND: {
                    "spread": standard_deviation(estimates),
                    "values": [one.value for one in estimates],
                    **({} if self.lists else {"kept": keep_lists(task, lists)}),
                },
            }
            accuracy = over_repeats(estimates)
            yield Score(subject, "few_labels", "accuracy", *accuracy, about, per_image=np.mean(right, axis=0))

    def drawn(self, task: Task) -> list[Lists]:
        """Which images are labelled, draw by draw, for each figure.

        Raises:
            TwofoldError: If a class has too few images, or the lists do not fit.
        """
        if self.lists is not None:
            return read_lists(Path(self.lists), task)
        labels = labels_of(task.fit)
        for per_class in self.per_class:
            _check(labels, per_class, task.classes)
        return [
            *(Lists({"per_class": n}, draws(labels, n, self.draws, task.seed)) for n in self.per_class),
            *(Lists({"share": s}, draws_of_share(labels, s, self.draws, task.seed)) for s in self.shares),
        ]


def _check(labels: Int[np.ndarray, " n"], per_class: int, names: tuple[str, ...]) -> None:
    numbers, counts = np.unique(labels, return_counts=True)
    fewest = counts.argmin()
    if counts[fewest] < per_class:
        raise TwofoldError(
            f"{per_class} labelled images of each class cannot be drawn: "
            f"'{names[numbers[fewest]]}' has {counts[fewest]} among the images to fit on"
        )
