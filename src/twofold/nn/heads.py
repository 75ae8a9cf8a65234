"""Projectors, predictors and prototypes: the small networks on top of an encoder."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.errors import UsageError
from twofold.core.precision import full_precision

Hidden: TypeAlias = int | Sequence[int]
"""Units of the hidden layers of a head: a number for the usual ones, 0 for none, or a list of any."""


def mlp(
    width: int,
    hidden: Hidden,
    out: int,
    *,
    depth: int = 1,
    norm: bool = True,
    bias: bool = True,
    last: Callable[[int], nn.Module] | None = None,
) -> nn.Module:
    """Linear - BN - ReLU as often as there are hidden layers, then linear; or no head at all.

    Args:
        width: Length of the input.
        hidden: Units of each hidden layer.
        out: Length of the output; 0 gives back the input.
        depth: Hidden layers, where ``hidden`` is a number.
        norm: Batch norm before each ReLU; it makes that layer's bias void, which is left out then.
        bias: Whether the last layer has one.
        last: Makes what stands on the last layer, for so many units.
    """
    between = nn.BatchNorm1d if norm else None
    return _stack((width, *layers(hidden, depth), out), nn.Linear, between, bias=bias, last=last)


def layers(hidden: Hidden, depth: int) -> tuple[int, ...]:
    """Units of each hidden layer.

    Args:
        hidden: A number for ``depth`` layers of so many units each, 0 for none; or the units of every layer.
        depth: As above.

    Raises:
        UsageError: If there is a layer without units in a list.
    """
    if isinstance(hidden, int):
        return (hidden,) * depth if hidden else ()
    if any(units < 1 for units in hidden):
        raise UsageError(f"--hidden {list(hidden)}: a hidden layer has 1 unit or more (0 alone is none)")
    return tuple(hidden)


def pixel_mlp(width: int, hidden: Hidden, out: int) -> nn.Module:
    """``mlp`` at every cell of a feature map: 1x1 convolution - BN - ReLU, then 1x1 convolution."""
    each_cell = partial(nn.Conv2d, kernel_size=1)
    return _stack((width, *layers(hidden, depth=1), out), each_cell, nn.BatchNorm2d)


def scale_norm(width: int) -> nn.BatchNorm1d:
    """Batch norm with a scale and no offset: the output layer of SimCLR's released head."""
    norm = nn.BatchNorm1d(width)
    norm.register_parameter("bias", None)
    return norm


def bare_norm(width: int) -> nn.BatchNorm1d:
    """Batch norm with neither scale nor offset."""
    return nn.BatchNorm1d(width, affine=False)


def _stack(
    widths: Sequence[int],
    linear: Callable[..., nn.Module],
    norm: Callable[[int], nn.Module] | None,
    *,
    bias: bool = True,
    last: Callable[[int], nn.Module] | None = None,
) -> nn.Module:
    out = widths[-1]
    if not out:
        return nn.Identity()
    *body, final = pairwise(widths)
    stack: list[nn.Module] = []
    for wide, units in body:
        stack += [linear(wide, units, bias=norm is None), *([norm(units)] if norm else []), nn.ReLU()]
    stack += [linear(*final, bias=bias), *([last(out)] if last else [])]
    return nn.Sequential(*stack) if len(stack) > 1 else stack[0]


class Prototypes(nn.Module):
    """Unit vectors that embeddings are compared with: SwAV's C, arXiv:2006.09882.

    Args:
        width: Length of an embedding.
        count: Number of prototypes.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(count, width)))

    def forward(self, z: Float[Tensor, "*b d"]) -> Float[Tensor, "*b k"]:
        """Cosines with every prototype, in full precision."""
        return _cosines(z, self.weight)

    @torch.no_grad()
    def renormalise(self) -> None:
        """Brings the prototypes back to unit length after an optimiser's step; frozen ones have kept it."""
        if self.weight.requires_grad:
            self.weight.copy_(F.normalize(self.weight))


@full_precision
def _cosines(z: Tensor, prototypes: Tensor) -> Tensor:
    return F.normalize(z, dim=-1) @ prototypes.T
