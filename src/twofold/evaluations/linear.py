"""Linear probe by logistic regression."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.evaluation import Score
from twofold.data.splits import held_out
from twofold.evaluations import _scores
from twofold.evaluations._logistic import LinearClassifier, LogisticRegression
from twofold.evaluations._standardise import standardised
from twofold.evaluations._task import Embedded, Task, labels_of

_PATIENCE = 2


@dataclass(frozen=True)
class Linear:
    """Linear probe: logistic regression on standardised features, its L2 strength chosen on training images.

    The protocol of Kornblith et al. (CVPR 2019, arXiv:1805.08974, section A.4) with a coarser grid.
    Fitted by L-BFGS on four fifths of the images to fit on, the strength with the best accuracy on the
    other fifth (of whole groups where the task has groups) is taken, of equals the strongest, and the
    classifier is fitted again on all of them.
    The judged images are used once, at the end.

    Args:
        strengths: L2 strengths to select from: ``mean cross-entropy + strength / 2 * |W|^2``, which is
            scikit-learn's ``C = 1 / (images * strength)``. Tried from the strongest on, until two in a
            row are no better.
    """

    strengths: tuple[float, ...] = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the classifier."""
        classes, seed = len(embedded.task.classes), embedded.task.seed
        fit, judge = standardised(embedded.fit, embedded.judge)
        chosen = self._select(fit, embedded.fit_labels, embedded.task)
        everything = LogisticRegression(fit, embedded.fit_labels, classes)
        classifier = everything.fit(chosen.strength, chosen.classifier)
        protocol = {
            "strengths": list(self.strengths),
            "selected": f"L2 strength, on a held-out fifth of the fitted images (seed {seed})",
            **embedded.protocol,
            _scores.FOUND: {"strength": chosen.strength, "held_out_accuracy": chosen.accuracy},
        }
        yield from _scores.of_predictions(embedded, "linear", classifier.predict(judge), protocol)

    def _select(self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], task: Task) -> "_Candidate":
        held = torch.from_numpy(held_out(labels_of(task.fit), task.groups, task.seed)).to(features.device)
        shown = LogisticRegression(features[~held], labels[~held], len(task.classes))
        tried: list[_Candidate] = []
        for strength in sorted(self.strengths, reverse=True):
            classifier = shown.fit(strength, tried[-1].classifier if tried else None)
            right = classifier.predict(features[held]) == labels[held]
            tried.append(_Candidate(strength, classifier, right.double().mean().item()))
            best = max(tried, key=lambda candidate: candidate.accuracy)
            if tried.index(best) + _PATIENCE < len(tried):
                break
        return best


class _Candidate(NamedTuple):
    strength: float
    classifier: LinearClassifier
    accuracy: float
