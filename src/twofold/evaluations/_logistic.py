"""Multinomial logistic regression by preconditioned L-BFGS, in full batches.

It minimises ``mean cross-entropy + l2 / 2 * |W|^2``, biases free: scikit-learn's ``LogisticRegression``
with ``C = 1 / (n * l2)``.

Features are correlated, so plain L-BFGS needs hundreds of passes. The Hessian of the cross-entropy is
about the features' second moments times the variance of the predictions (Böhning, Ann. Inst. Stat.
Math. 1992); in coordinates in which that is the identity a few dozen passes suffice.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.errors import TwofoldError
from twofold.core.precision import full_precision
from twofold.evaluations._lbfgs import minimise
from twofold.evaluations._skinny import Rows

_CURVATURE = 0.1
"""Typical variance of a predicted probability; any rough value will do."""

_MOMENT_ROWS = 8192
_MOST_STEPS = 500
_TO_THE_END = 1e-8
"""Decrease of the objective that is not worth another step, see ``LogisticRegression.fit``."""

_ROUNDING = 1e-9
"""Decrease that float32 hides."""


class LinearClassifier(NamedTuple):
    """Weights and biases."""

    weight: Float[Tensor, "c d"]
    bias: Float[Tensor, " c"]

    def predict(self, features: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        """The most probable class of each row."""
        return (features @ self.weight.T + self.bias).argmax(1)


class LogisticRegression:
    """Labelled features, ready to be fitted with one strength of the penalty after another.

    With fewer rows than channels it works in the span of the rows, where the solution lies.

    Args:
        features: Best centred and of similar scale; then it converges fastest.
        labels: Class of each row.
        classes: Number of classes, also of those that no row has.
    """

    @full_precision
    def __init__(self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int) -> None:
        rows, channels = features.shape
        self._basis: Tensor | None = None
        if rows < channels:
            self._basis, coordinates = torch.linalg.qr(features.T)
            features = coordinates.T.contiguous()
        some = features[:: max(1, rows // _MOMENT_ROWS)]
        self._rows = Rows(features, classes)
        self._targets = functional.one_hot(labels, classes).T.to(features.dtype)
        self._hessian = some.T @ some * (_CURVATURE / len(some))

    def fit(
        self, l2: float, start: LinearClassifier | None = None, *, tolerance: float = _TO_THE_END
    ) -> LinearClassifier:
        """The classifier with the least objective, to about 1e-5.

        Args:
            l2: Strength of the penalty, above 0.
            start: Where to begin: the solution for a similar strength saves half of the work.
            tolerance: Decrease of the objective that is not worth another step; for a strong penalty, with
                which little can be gained, so much less.
        """
        if start is None:
            channels = len(self._hessian if self._basis is None else self._basis)
            start = LinearClassifier(
                self._hessian.new_zeros(len(self._targets), channels),
                self._hessian.new_zeros(len(self._targets)),
            )
        with torch.autocast(self._hessian.device.type, enabled=False):
            if self._basis is None:
                return self._minimise(l2, start, tolerance)
            found = self._minimise(l2, LinearClassifier(start.weight @ self._basis, start.bias), tolerance)
            return LinearClassifier(found.weight @ self._basis.T, found.bias)

    def _minimise(self, l2: float, start: LinearClassifier, tolerance: float) -> LinearClassifier:
        """In coordinates in which the guessed Hessian is the identity."""
        factor, root = self._factor(l2), _CURVATURE**0.5

        def classifier(point: Float[Tensor, " p"]) -> LinearClassifier:
            weight = point[: -len(self._targets)].view(len(self._targets), -1)
            weight = torch.linalg.solve_triangular(factor, weight, upper=False, left=False)
            return LinearClassifier(weight, point[-len(self._targets) :] / root)

        def objective(point: Float[Tensor, " p"]) -> tuple[float, Float[Tensor, " p"]]:
            at = classifier(point)
            loss, error = self._cross_entropy(at)
            slope = self._rows.weighted(error) + l2 * at.weight
            slope = torch.linalg.solve_triangular(factor.T, slope, upper=True, left=False)
            value = loss + l2 / 2 * at.weight.square().sum().item()
            return value, torch.cat([slope.flatten(), error.sum(1) / root])

        first = torch.cat([(start.weight @ factor).flatten(), start.bias * root])
        curvature = self._hessian.diagonal().mean().item()
        tolerance = max(tolerance * curvature / (curvature + l2), _ROUNDING)
        return classifier(minimise(objective, first, steps=_MOST_STEPS, tolerance=tolerance))

    def _factor(self, l2: float) -> Float[Tensor, "d d"]:
        """Lower Cholesky factor of the guessed Hessian of the whole objective.

        Where features all but lie in a plane, rounding makes the guess indefinite: then more is added to its
        diagonal, which changes how fast the solution is found, and not the solution.
        """
        mean = self._hessian.diagonal().mean()
        for share in (1e-6, 1e-5, 1e-4, 1e-3):
            hessian = self._hessian.clone()
            hessian.diagonal().add_(l2 + share * mean)
            factored = torch.linalg.cholesky_ex(hessian)
            if not factored.info:
                factor: Tensor = factored.L
                return factor
        raise TwofoldError("the features are too large to be classified: their squares are no finite numbers")

    def _cross_entropy(self, at: LinearClassifier) -> tuple[float, Float[Tensor, "c n"]]:
        """Mean cross-entropy and its gradient to the logits.

        Classes are rows here: matrix products with few columns are ten times slower than with few rows.
        """
        logits = self._rows.times(at.weight).add_(at.bias[:, None])
        log_probability = logits.log_softmax(0)
        loss = -(self._targets * log_probability).sum(0).double().mean().item()
        error = log_probability.exp_().sub_(self._targets).div_(self._targets.shape[1])
        return loss, error
