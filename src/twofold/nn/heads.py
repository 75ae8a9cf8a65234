"""Projectors, predictors and prototypes: the small networks on top of an encoder."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.precision import full_precision


def mlp(width: int, hidden: int, out: int, *, norm: bool = True, bias: bool = True) -> nn.Sequential:
    """Linear - BN - ReLU - linear.

    Args:
        width: Length of the input.
        hidden: Units of the hidden layer.
        out: Length of the output.
        norm: Batch norm before the ReLU; it makes the first layer's bias void, which is left out then.
        bias: Whether the last layer has one.
    """
    return layers((width, hidden, out), norm=norm, bias=bias)


def layers(widths: Sequence[int], *, norm: bool = True, bias: bool = True) -> nn.Sequential:
    """Linear - BN - ReLU as often as there are hidden layers, then linear.

    What a paper has after the last layer is appended: ``nn.Sequential(*layers(...), nn.BatchNorm1d(out))``.

    Args:
        widths: Length of the input, units of each hidden layer, length of the output.
        norm: Batch norm before each ReLU; it makes that layer's bias void, which is left out then.
        bias: Whether the last layer has one.
    """
    *body, last = pairwise(widths)
    hidden: list[nn.Module] = []
    for width, units in body:
        between = [nn.BatchNorm1d(units)] if norm else []
        hidden += [nn.Linear(width, units, bias=not norm), *between, nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(*last, bias=bias))


def pixel_mlp(width: int, hidden: int, out: int) -> nn.Sequential:
    """The same at every cell of a feature map: 1x1 convolution - BN - ReLU - 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(width, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, out, 1),
    )


def scale_norm(width: int) -> nn.BatchNorm1d:
    """Batch norm with a scale and no offset: the output layer of SimCLR's released head."""
    norm = nn.BatchNorm1d(width)
    norm.register_parameter("bias", None)
    return norm


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
        """Brings the prototypes back to unit length after an optimiser's step."""
        self.weight.copy_(F.normalize(self.weight))


@full_precision
def _cosines(z: Tensor, prototypes: Tensor) -> Tensor:
    return F.normalize(z, dim=-1) @ prototypes.T
