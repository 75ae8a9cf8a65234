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

from twofold.core.precision import full_precision

_CURVATURE = 0.1
"""Typical variance of a predicted probability; any rough value will do."""

_MOMENT_ROWS = 8192
_MOST_STEPS = 500


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

    def __init__(self, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int) -> None:
        rows, channels = features.shape
        self._basis: Tensor | None = None
        if rows < channels:
            self._basis, coordinates = torch.linalg.qr(features.T)
            features = coordinates.T.contiguous()
        some = features[:: max(1, rows // _MOMENT_ROWS)]
        self._features = features
        self._targets = functional.one_hot(labels, classes).T.to(features.dtype)
        self._hessian = some.T @ some * (_CURVATURE / len(some))

    @full_precision
    def fit(self, l2: float, start: LinearClassifier | None = None) -> LinearClassifier:
        """The classifier with the least objective, to about a millionth.

        Args:
            l2: Strength of the penalty, above 0.
            start: Where to begin: the solution for a similar strength saves half of the work.
        """
        if start is None:
            channels = len(self._hessian if self._basis is None else self._basis)
            start = LinearClassifier(
                self._hessian.new_zeros(len(self._targets), channels),
                self._hessian.new_zeros(len(self._targets)),
            )
        if self._basis is None:
            return self._minimise(l2, start)
        found = self._minimise(l2, LinearClassifier(start.weight @ self._basis, start.bias))
        return LinearClassifier(found.weight @ self._basis.T, found.bias)

    def _minimise(self, l2: float, start: LinearClassifier) -> LinearClassifier:
        factor, root = self._factor(l2), _CURVATURE**0.5
        weight = (start.weight @ factor).contiguous().requires_grad_()
        bias = (start.bias * root).requires_grad_()

        def solution() -> LinearClassifier:
            original = torch.linalg.solve_triangular(factor, weight.detach(), upper=False, left=False)
            return LinearClassifier(original, bias.detach() / root)

        @torch.no_grad()
        def closure() -> float:
            at = solution()
            loss, error = self._cross_entropy(at)
            slope = error @ self._features + l2 * at.weight
            weight.grad = torch.linalg.solve_triangular(factor.T, slope, upper=True, left=False).contiguous()
            bias.grad = error.sum(1) / root
            return loss + l2 / 2 * at.weight.square().sum().item()

        torch.optim.LBFGS(
            [weight, bias],
            max_iter=_MOST_STEPS,
            tolerance_grad=1e-5,
            tolerance_change=1e-9,
            line_search_fn="strong_wolfe",
        ).step(closure)
        return solution()

    def _factor(self, l2: float) -> Float[Tensor, "d d"]:
        """Lower Cholesky factor of the guessed Hessian of the whole objective."""
        hessian = self._hessian.clone()
        hessian.diagonal().add_(l2 + 1e-6 * hessian.diagonal().mean())
        factor: Tensor = torch.linalg.cholesky(hessian)
        return factor

    def _cross_entropy(self, at: LinearClassifier) -> tuple[float, Float[Tensor, "c n"]]:
        """Mean cross-entropy and its gradient to the logits.

        Classes are rows here: matrix products with few columns are ten times slower than with few rows.
        """
        logits = torch.addmm(at.bias[:, None], at.weight, self._features.T)
        log_probability = logits.log_softmax(0)
        loss = -(self._targets * log_probability).sum(0).double().mean().item()
        error = log_probability.exp_().sub_(self._targets).div_(len(self._features))
        return loss, error
