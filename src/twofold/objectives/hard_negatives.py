"""Negatives drawn from those that are most like the query."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision

SKEWNESS = 4.0
"""Shape parameter of the skew-normal distribution of ranks."""

SCALE = 0.3
"""Its scale for a hardness of 1, as a share of the candidates."""

AT_ONCE = 1 << 24
"""Similarities that are ranked at once: with their order, 250 MB."""


def skewed_ranks(
    count: int, hardness: float, step: int, draws: int | None = None
) -> Int[Tensor, " draws"] | None:
    """Which of ``count`` candidates serve as negatives, by rank: 0 is the one most like the query.

    They are drawn with replacement: ``rank = count * clip(u, 0, 1)``, where u follows a skew-normal
    distribution at 0, of shape 4 and scale ``0.3 / hardness``. With a hardness of 1 half of the draws are
    among the hardest fifth, and one in thirteen is the hardest of all, where u was below 0.
    Below about 0.4 the cut at 1 makes most of them easier than uniform draws are.

    Args:
        count: Number of candidates.
        hardness: Above 0; higher draws harder negatives.
        step: Decides the draws, which are the same on all processes.
        draws: How many negatives each query gets; None for as many as there are candidates.

    Returns:
        Ranks for all queries of the step, each of which ranks the candidates for itself; None for a
        hardness of 0, where every candidate counts once.

    Reference:
        Azzalini, Scandinavian Journal of Statistics 12, 1985 (the distribution).
    """
    if hardness == 0:
        return None
    delta = SKEWNESS / math.hypot(1, SKEWNESS)
    one, other = torch.randn(2, draws or count, generator=torch.Generator().manual_seed(step)).unbind()
    u = (delta * one.abs() + math.sqrt(1 - delta**2) * other) * SCALE / hardness
    return (count * u.clamp(min=0)).long().clamp(max=count - 1)


@full_precision
def at_ranks(likeness: Float[Tensor, "b n"], ranks: Int[Tensor, " m"]) -> Float[Tensor, "b m"]:
    """The values of each row at these ranks, 0 being the largest; gradients go to the values chosen.

    Args:
        likeness: Of every query (rows) and candidate (columns), as cosines.
        ranks: From 0 to ``n - 1``; may repeat.
    """
    return likeness.sort(dim=1, descending=True).values[:, ranks.to(likeness.device)]


@torch.no_grad()
@full_precision
def rows_at_ranks(
    v: Float[Tensor, "b d"], rows: Float[Tensor, "n d"], own: Int[Tensor, " b"], ranks: Int[Tensor, " m"]
) -> Int[Tensor, "b m"]:
    """Which memories have these ranks among all but the image's own, 0 being the one most like the embedding.

    A few embeddings at a time are compared with the whole bank, so that memory does not grow with the batch.

    Args:
        v: Embeddings.
        rows: The memory of every image, unit vectors.
        own: Where each embedding's image has its own, which is its positive.
        ranks: From 0 to ``n - 2``; may repeat.
    """
    ranks, band = ranks.to(v.device), max(1, AT_ONCE // len(rows))
    found = []
    for some, positive in zip(F.normalize(v).split(band), own.split(band), strict=True):
        likeness = (some @ rows.T).scatter_(1, positive[:, None], -torch.inf)
        found.append(likeness.argsort(dim=1, descending=True)[:, ranks])
    return torch.cat(found)
