"""Has an embedding collapsed? Spread, effective rank, alignment and uniformity."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision

_ROWS = 10_000
_BLOCK = 1024


@full_precision
@torch.no_grad()
def channel_spread(embedding: Float[Tensor, "n d"]) -> float:
    """Standard deviation of each channel of the unit embeddings, times ``sqrt(d)``, averaged over channels.

    1 where they fill the sphere evenly, 0 where all are the same (Chen & He, CVPR 2021,
    arXiv:2011.10566, section 4.1).
    """
    unit = functional.normalize(embedding, dim=1)
    return math.sqrt(unit.shape[1]) * unit.std(dim=0, correction=0).mean().item()


@full_precision
@torch.no_grad()
def effective_rank(embedding: Float[Tensor, "n d"]) -> float:
    """RankMe: the exponential of the entropy of the uncentred embedding's singular values.

    From 1 (all embeddings on a line) to ``min(n, d)`` (Garrido et al., ICML 2023, arXiv:2210.02885,
    equation 1).
    """
    singular = singular_values(embedding)
    share = singular / singular.sum().clamp(min=1e-300) + 1e-7
    return math.exp(-(share * share.log()).sum().item())


@full_precision
@torch.no_grad()
def singular_values(embedding: Float[Tensor, "n d"]) -> Float[Tensor, " m"]:
    """All ``min(n, d)`` of the uncentred embedding, the largest first, in float64.

    By the eigenvalues of its Gram matrix: those below about 1e-8 of the largest are noise.
    """
    n, d = embedding.shape
    exact = embedding.double()
    gram = exact.T @ exact if d <= n else exact @ exact.T
    values: Tensor = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0).sqrt()
    return values


@full_precision
@torch.no_grad()
def alignment(one: Float[Tensor, "n d"], other: Float[Tensor, "n d"], alpha: float = 2) -> float:
    """Mean distance, to the power ``alpha``, of the unit embeddings of two views of the same images.

    0 where the views cannot be told apart (Wang & Isola, ICML 2020, arXiv:2005.10242, section 4.1).
    """
    mean: float = distances(one, other).pow(alpha).mean().item()
    return mean


@full_precision
@torch.no_grad()
def distances(one: Float[Tensor, "n d"], other: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Of the unit embeddings of two views of the same images, from 0 to 2."""
    difference = functional.normalize(one, dim=1) - functional.normalize(other, dim=1)
    found: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return found


@full_precision
@torch.no_grad()
def uniformity(embedding: Float[Tensor, "n d"], t: float = 2) -> float:
    """Logarithm of the mean of ``exp(-t * distance ** 2)`` over all pairs of unit embeddings.

    0 where all are the same, towards ``-2 t`` where they fill a sphere of many dimensions (Wang & Isola,
    ICML 2020, arXiv:2005.10242, section 4.1). Of more than 10,000 rows, 10,000 at even steps are used.

    Args:
        embedding: Of one row alone it is no number.
        t: Weight of the squared distance.
    """
    unit = functional.normalize(embedding, dim=1)
    if len(unit) > _ROWS:
        unit = unit[torch.linspace(0, len(unit) - 1, _ROWS, device=unit.device).long()]
    if len(unit) < 2:
        return math.nan
    terms = []
    for start in range(0, len(unit), _BLOCK):
        squared = (2 - 2 * unit[start : start + _BLOCK] @ unit[start:].T).clamp(min=0)
        after = torch.ones_like(squared, dtype=torch.bool).triu(diagonal=1)
        terms.append((-t * squared[after]).logsumexp(0))
    pairs = len(unit) * (len(unit) - 1) / 2
    return torch.stack(terms).logsumexp(0).item() - math.log(pairs)
