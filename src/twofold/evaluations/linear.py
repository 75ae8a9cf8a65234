"""Linear probe: logistic regression, or trained as one of the papers trains it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.errors import UsageError
from twofold.core.evaluation import Score
from twofold.evaluations import _scores
from twofold.evaluations._descent import INITIAL_STD, Descent
from twofold.evaluations._families import FAMILIES, Family, FamilyName
from twofold.evaluations._logistic import LinearClassifier, LogisticRegression
from twofold.evaluations._options import above_zero, at_least, some
from twofold.evaluations._standardise import standardised
from twofold.evaluations._task import Embedded, Task

_USUAL_PATIENCE = 2
_TO_SELECT = 1e-6
"""Decrease of the objective that is not worth another step while strengths are tried: the accuracy on what is
held out is within a few hundredths of a point of that at the end, which takes several times as long."""


@dataclass(frozen=True)
class Linear:
    """Linear probe: logistic regression on standardised features, its L2 strength chosen on training images.

    The protocol of Kornblith et al. (CVPR 2019, arXiv:1805.08974, section A.4) with a coarser grid.
    Fitted by L-BFGS on four fifths of the images to fit on, the strength with the best accuracy on the
    other fifth (of whole groups where the task has groups) is taken, of equals the strongest, and the
    classifier is fitted again on all of them.
    The judged images are used once, at the end.

    A family trains the classifier as its paper does on ImageNet instead, by stochastic gradient descent on
    features as they are, and selects nothing.

    Args:
        strengths: L2 strengths to select from: ``mean cross-entropy + strength / 2 * |W|^2``, which is
            scikit-learn's ``C = 1 / (images * strength)``. Tried from the strongest on, until some in a row
            are worse than the best.
        patience: How many; None tries all.
        family: Whose optimiser, rate, batch, schedule, weight decay and length are taken.
        epochs: Length of a family's training in passes over the images, instead of its own, which is for the
            1.3 million of ImageNet: a few thousand need more, above all in the families of large batches.
        augmented: Whether a family's classifier sees random crops, mirrored or not, through the encoder, as
            the papers' do, and not the same features again and again. Each pass costs as much as embedding.
    """

    strengths: tuple[float, ...] = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    patience: int | None = _USUAL_PATIENCE
    family: FamilyName | None = None
    epochs: int | None = None
    augmented: bool = False

    def __post_init__(self) -> None:
        """Refuses what would have no effect, or select nothing.

        Raises:
            UsageError: If a length or views are asked for without a family, or a number is not above 0.
        """
        if self.family is None and (self.epochs is not None or self.augmented):
            raise UsageError("linear: epochs and augmented are for a family's training; name the family, too")
        some(self, "strengths")
        above_zero(self, "strengths")
        at_least(1, self, "patience", "epochs")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the classifier."""
        if self.family is None:
            yield from self._by_regression(embedded)
        else:
            yield from self._as_the_paper(embedded, FAMILIES[self.family])

    def _as_the_paper(self, embedded: Embedded, family: Family) -> Iterator[Score]:
        task, look = embedded.task, embedded.look
        batch_size = family.batch_for(len(task.fit))
        transformer = look.encoder is not None and look.encoder.patch_embedding is not None
        optimizer = family.optimizer_for(batch_size, transformer=transformer)
        epochs = self.epochs or family.epochs
        descent = Descent(optimizer, batch_size, epochs, task.seed)
        if self.augmented:
            classifier = descent.on_views(task.fit, len(task.classes), embedded.fit.shape[1], look)
        else:
            with look.screen.bar("linear probe", epochs) as advance:
                classifier = descent.on_features(
                    embedded.fit, embedded.fit_labels, len(task.classes), advance=advance
                )
        right = classifier.predict(embedded.fit) == embedded.fit_labels
        protocol = {
            "family": self.family,
            "augmented": self.augmented,
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": asdict(optimizer),
            "initial_std": INITIAL_STD,
            "seed": task.seed,
            **embedded.protocol,
            _scores.FOUND: {"fit_accuracy": right.double().mean().item()},
        }
        yield from _scores.of_predictions(embedded, "linear", classifier.predict(embedded.judge), protocol)

    def _by_regression(self, embedded: Embedded) -> Iterator[Score]:
        classes = len(embedded.task.classes)
        fit, judge = standardised(embedded.fit, embedded.judge)
        chosen = self._select(fit, embedded.fit_labels, embedded.task)
        everything = LogisticRegression(fit, embedded.fit_labels, classes)
        classifier = everything.fit(chosen.strength, chosen.classifier)
        protocol = {
            "strengths": list(self.strengths),
            **({} if self.patience == _USUAL_PATIENCE else {"patience": self.patience}),
            "selected": f"L2 strength, on {embedded.task.selected_on}",
            **embedded.protocol,
            _scores.FOUND: {"strength": chosen.strength, "held_out_accuracy": chosen.accuracy},
        }
        yield from _scores.of_predictions(embedded, "linear", classifier.predict(judge), protocol)

    def strength(self, embedded: Embedded) -> float:
        """The L2 strength that is selected."""
        fit, _ = standardised(embedded.fit, embedded.fit[:1])
        return self._select(fit, embedded.fit_labels, embedded.task).strength

    def _select(self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], task: Task) -> "_Candidate":
        held = torch.from_numpy(task.held_out).to(features.device)
        shown = LogisticRegression(features[~held], labels[~held], len(task.classes))
        tried: list[_Candidate] = []
        for strength in sorted(self.strengths, reverse=True):
            begun = tried[-1].classifier if tried else None
            classifier = shown.fit(strength, begun, tolerance=_TO_SELECT)
            right = classifier.predict(features[held]) == labels[held]
            tried.append(_Candidate(strength, classifier, right.double().mean().item()))
            best = max(tried, key=lambda candidate: candidate.accuracy)
            worse = [candidate.accuracy < best.accuracy for candidate in tried]
            if self.patience is not None and all(worse[-self.patience :]):
                break
        return best


class _Candidate(NamedTuple):
    strength: float
    classifier: LinearClassifier
    accuracy: float
