"""Embeddings as a whole follow a distribution of one's choice."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision

Prior: TypeAlias = Literal["normal", "hypersphere", "hypercube"]


@full_precision
def half_squared_distance(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """``(z1 - z2) ** 2 / 2``, averaged over images and coordinates; ``(1 - cos) / d`` for unit vectors.

    Reference:
        Chen et al., NeurIPS 2021, arXiv:2011.02803, section 2.
    """
    return (z1 - z2).square().mean() / 2


@full_precision
def log_sum_exp(
    anchors: Float[Tensor, "b d"], everyone: Float[Tensor, "n d"], temperature: float
) -> Float[Tensor, ""]:
    """How crowded the sphere is around the anchors: NT-Xent without its positives.

    Args:
        anchors: Some of the embeddings.
        everyone: The embeddings of both views of the whole batch. An anchor meets itself too, which adds a
            candidate with a cosine of 1.
        temperature: tau, above 0.

    Returns:
        Mean over the anchors, in nats; ``1 / tau + log(n)`` where all embeddings are the same.

    Reference:
        Chen et al., NeurIPS 2021, arXiv:2011.02803, section 2.
    """
    return (F.normalize(anchors) @ F.normalize(everyone).T / temperature).logsumexp(dim=1).mean()


@full_precision
def sliced_wasserstein(
    z: Float[Tensor, "n d"], prior: Float[Tensor, "n d"], rotation: Float[Tensor, "d d"]
) -> Float[Tensor, ""]:
    """Squared distance between two clouds of points, seen along ``d`` directions one at a time.

    Along one direction the best transport is known: the smallest goes to the smallest.

    Args:
        z: Embeddings of both views of the whole batch.
        prior: As many draws from the distribution that they are to follow.
        rotation: Orthogonal; its columns are the directions.

    Returns:
        Mean over points and directions.

    Reference:
        Chen et al., NeurIPS 2021, arXiv:2011.02803, algorithm 1; Bonneel et al., 2015.
    """
    along = (z @ rotation).sort(dim=0).values
    wanted = (prior @ rotation).sort(dim=0).values
    return (along - wanted).square().mean()


def draw_prior(prior: Prior, count: int, width: int, random: torch.Generator) -> Float[Tensor, "n d"]:
    """Draws of a standard normal, of the unit sphere, or of the cube from -1 to 1, evenly.

    Args:
        prior: Which of them.
        count: n, number of draws.
        width: d, their length.
        random: Where randomness comes from; it decides everything.
    """
    if prior == "hypercube":
        return 2 * torch.rand(count, width, generator=random) - 1
    normal = torch.randn(count, width, generator=random)
    return F.normalize(normal) if prior == "hypersphere" else normal


def draw_rotation(width: int, random: torch.Generator) -> Float[Tensor, "d d"]:
    """An orthogonal matrix, all of them equally likely.

    The QR decomposition of a normal matrix gives them evenly once R's diagonal is made positive (Mezzadri,
    Notices of the AMS 2007, arXiv:math-ph/0609050).

    Args:
        width: d.
        random: Where randomness comes from; it decides everything.
    """
    q, r = torch.linalg.qr(torch.randn(width, width, generator=random))
    rotation: Tensor = q * r.diagonal().sign()
    return rotation
