"""Fine-tuning of the whole network, and training it from scratch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int

from twofold.core.evaluation import Score
from twofold.data.parts import Part
from twofold.evaluations import _scores
from twofold.evaluations._arm import Arm, learns_from_scratch
from twofold.evaluations._draw import check_shows_each, in_random_order
from twofold.evaluations._options import above_zero, at_least, some
from twofold.evaluations._task import Embedded, Task, labels_of
from twofold.evaluations.linear import Linear
from twofold.nn.class_network import HeadKind


@dataclass(frozen=True)
class Finetune:
    """Fine-tuning: encoder and head trained on the labelled images; random weights from scratch.

    Rate and length are selected on a fifth of the images to fit on that is held out, and then all of them are
    learned from, by AdamW on crops and mirror images: in the spirit of Kornblith et al. (CVPR 2019,
    arXiv:1805.08974, section A.5), who select rate and decay from 49 for 20,000 steps of Nesterov's SGD. A
    trained encoder begins with a head that is fitted to its features, and keeps its batch-norm statistics. A
    random one is what training from scratch begins with: its head is random, its batch norms learn, and its
    figure is what the labels are worth without pre-training. Both select from the same lists. Raw pixels
    cannot be judged so.

    It trains a network six times, which ``images`` bounds: on a CPU all labels of a large data set would
    take hours. Of several random networks the first is trained.

    Args:
        rates: Highest learning rates to select from, at the shortest length.
        epochs: Passes over the images to select from, at the best rate: longer and longer, as long as that is
            better. At least a hundred steps are made.
        images: At most so many images to fit on, drawn at random, one of each class at
            least; None is all.
        head: ``linear``, or ``mlp`` with one hidden layer as wide as the features: what the ``mlp`` protocol
            fits to an encoder that stands still.
    """

    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2)
    epochs: tuple[float, ...] = (10.0, 30.0)
    images: int | None = 2000
    head: HeadKind = "linear"

    def __post_init__(self) -> None:
        """Refuses to train nothing, or to select from nothing.

        Raises:
            UsageError: If a number is too small, or a list is empty.
        """
        some(self, "rates", "epochs")
        at_least(0, self, "rates")
        above_zero(self, "epochs")
        at_least(2, self, "images")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the trained network.

        Raises:
            TwofoldError: If there are more classes than images to fit on.
        """
        encoder, task = embedded.look.encoder, embedded.task
        if encoder is None or embedded.network > 0:
            return
        check_shows_each(self, self.images, labels_of(task.fit), beside=task.validation is not None)
        rows = _rows(task, self.images)
        from_scratch = learns_from_scratch(embedded)
        fitted = self.head == "linear" and not from_scratch
        arm = Arm(embedded, encoder, self.head, Linear().strength(_only(embedded, rows)) if fitted else None)
        chosen = self._select(arm, rows)
        network = arm.trained(rows, chosen.rate, chosen.epochs)
        on = task.selected_on.replace("fitted images", "images that are learned from")
        what = "rate, passes and L2 strength of the first head" if fitted else "rate and passes"
        protocol = {
            **embedded.protocol,
            **arm.protocol,
            "images": len(rows),
            "seed": task.seed,
            "networks": 1,
            "rates": list(self.rates),
            "epochs": list(self.epochs),
            "selected": f"{what}, on {on}",
            _scores.FOUND: chosen._asdict(),
        }
        predictions = arm.predicted(network, task.judge)
        yield from _scores.of_predictions(embedded, "finetune", predictions, protocol)

    def _select(self, arm: Arm, rows: Int[np.ndarray, " n"]) -> "_Choice":
        """Of equals, the first that was tried: the lower rate, the shorter training."""
        held = _only(arm.embedded, rows).task.held_out
        images, labels = Part(arm.embedded.task.fit, rows[held]), labels_of(arm.embedded.task.fit)[rows[held]]

        def tried(rate: float, epochs: float) -> _Choice:
            with arm.embedded.look.screen.bar(f"rate {rate:g}, {epochs:g} passes"):
                network = arm.trained(rows[~held], rate, epochs)
                right = arm.predicted(network, images).cpu().numpy() == labels
            return _Choice(rate, epochs, float(right.mean()))

        shortest, *longer = sorted(self.epochs)
        tries = [tried(rate, shortest) for rate in sorted(self.rates)]
        best = max(tries, key=lambda one: one.held_out_accuracy)
        for epochs in longer:
            after = tried(best.rate, epochs)
            if after.held_out_accuracy <= best.held_out_accuracy:
                break
            best = after
        return best


def _rows(task: Task, most: int | None) -> Int[np.ndarray, " n"]:
    """At most so many of the images to fit on, in random order, one of each class before the others.

    Where some are there to select on, four fifths are of the others, unless one side has fewer, or there are
    more classes.
    """
    labels, validation = labels_of(task.fit), task.validation
    rows = in_random_order(labels, task.seed, None if validation is None else ~validation)
    if most is None or len(rows) <= most or validation is None:
        return rows[:most]
    held = validation[rows]
    classes = len(np.unique(labels[~validation]))  # the first rows are one of each
    learned = np.flatnonzero(~held)[: max(most - held.sum(), most * 4 // 5, classes)]
    places = np.sort(np.concatenate([learned, np.flatnonzero(held)[: most - len(learned)]]))
    some: np.ndarray = rows[places]
    return some


class _Choice(NamedTuple):
    rate: float
    epochs: float
    held_out_accuracy: float


def _only(embedded: Embedded, rows: Int[np.ndarray, " n"]) -> Embedded:
    """The same with some of the images to fit on: no other label is looked at."""
    task = embedded.task
    groups = None if task.groups is None else tuple(task.groups[row] for row in rows)
    validation = None if task.validation is None else task.validation[rows]
    some = replace(task, fit=Part(task.fit, rows), groups=groups, validation=validation)
    return embedded._replace(task=some, fit=embedded.fit[torch.from_numpy(rows).to(embedded.fit.device)])
