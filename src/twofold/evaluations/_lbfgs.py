"""L-BFGS for smooth convex functions that are well scaled.

torch has one too, but a step of it costs ten times as much as a small function's value.
"""

from collections import deque
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_HISTORY = 10
_ENOUGH = 1e-4
"""Share of the decrease promised by the slope that a step has to reach (Armijo)."""

_HALVINGS = 30

Function = Callable[[Float[Tensor, " p"]], tuple[float, Float[Tensor, " p"]]]
"""A point to the function's value and gradient there."""


def minimise(
    function: Function, start: Float[Tensor, " p"], *, steps: int, tolerance: float
) -> Float[Tensor, " p"]:
    """The point of the least value, as nearly as the tolerance asks.

    It ends where the next step promises a decrease of half the tolerance, after so many steps, or where
    rounding hides any further decrease.

    Reference:
        Nocedal & Wright, Numerical Optimization (2006), algorithms 7.4 and 3.1.
    """
    point = start
    value, slope = function(point)
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=_HISTORY)
    for _ in range(steps):
        direction = -_newton_like(slope, pairs)
        if -slope.dot(direction) <= tolerance:
            break
        found = _search(function, point, value, slope, direction)
        if found is None:
            break
        new_point, value, new_slope = found
        pairs.append((new_point - point, new_slope - slope))
        point, slope = new_point, new_slope
    return point


def _newton_like(slope: Tensor, pairs: deque[tuple[Tensor, Tensor]]) -> Tensor:
    """The slope times the inverse Hessian that the last moves suggest."""
    direction = slope.clone()
    shares = []
    for move, turn in reversed(pairs):
        share = move.dot(direction) / turn.dot(move)
        direction -= share * turn
        shares.append(share)
    if pairs:
        move, turn = pairs[-1]
        direction *= turn.dot(move) / turn.dot(turn)
    for (move, turn), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - turn.dot(direction) / turn.dot(move)) * move
    return direction


def _search(
    function: Function, point: Tensor, value: float, slope: Tensor, direction: Tensor
) -> tuple[Tensor, float, Tensor] | None:
    """The first of the points at 1, 1/2, 1/4 ... of the way that is low enough."""
    promised = slope.dot(direction).item()
    length = 1.0
    for _ in range(_HALVINGS):
        trial = torch.add(point, direction, alpha=length)
        trial_value, trial_slope = function(trial)
        turned = (trial_slope - slope).dot(direction)
        if trial_value <= value + _ENOUGH * length * promised and turned > 0:
            return trial, trial_value, trial_slope
        length /= 2
    return None
