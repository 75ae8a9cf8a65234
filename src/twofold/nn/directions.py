"""The last layer of self-distillation."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.precision import full_precision
from twofold.nn.heads import Hidden, layers


class Directions(nn.Module):
    """Cosines of embeddings with learned directions: a linear layer with weight norm, its gain fixed at 1.

    The length of a weight changes nothing but the size of its steps; unlike ``heads.Prototypes`` it is
    not brought back to 1.

    Args:
        width: Length of an embedding.
        count: Number of outputs.

    Reference:
        Caron et al., ICCV 2021, arXiv:2104.14294, appendix C; Salimans & Kingma, NeurIPS 2016.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, width))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # as a linear layer of torch starts

    def forward(self, z: Float[Tensor, "*b d"]) -> Float[Tensor, "*b k"]:
        """Logits in [-1, 1], in full precision."""
        return _cosines(z, self.weight)


@full_precision
def _cosines(z: Tensor, weight: Tensor) -> Tensor:
    return F.normalize(z, dim=-1) @ F.normalize(weight, dim=-1).T


def bottleneck(width: int, hidden: Hidden, dim: int, *, norm: bool) -> nn.Module:
    """Three layers with GELUs between them, started small (truncated normal of 0.02, no bias).

    Args:
        width: Length of the input.
        hidden: Units of the two hidden layers.
        dim: Length of the output; 0 gives back the input.
        norm: Batch norm before each GELU.
    """
    if not dim:
        return nn.Identity()
    *body, final = pairwise((width, *layers(hidden, depth=2), dim))
    stack: list[nn.Module] = []
    for wide, units in body:
        stack += [nn.Linear(wide, units), *([nn.BatchNorm1d(units)] if norm else []), nn.GELU()]
    head = nn.Sequential(*stack, nn.Linear(*final))
    for layer in head:
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
    return head
