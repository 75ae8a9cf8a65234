"""Say each thing once: dimensions of an embedding that vary, and vary apart from one another."""

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@full_precision
def cross_correlation(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"]) -> Float[Tensor, "d d"]:
    """How each dimension of one view goes with each dimension of the other.

    Parts of a batch, standardised together, average to the whole.

    Args:
        z1: Embeddings of one view, each dimension of mean 0 and variance 1 over the whole batch.
        z2: Those of the other view.

    Returns:
        Correlations in [-1, 1].

    Reference:
        Zbontar et al., ICML 2021, arXiv:2103.03230, equation 2.
    """
    return z1.T @ z2 / len(z1)


@full_precision
def correlation_to_identity(c: Float[Tensor, "d d"], off_diagonal: float) -> Float[Tensor, ""]:
    """Squared distance of the cross-correlation from the identity: Barlow Twins' loss.

    Args:
        c: Cross-correlation of the two views.
        off_diagonal: lambda, weight of what is not on the diagonal.

    Returns:
        A sum over dimensions, 0 or more; ``d`` where everything is uncorrelated.

    Reference:
        Zbontar et al., ICML 2021, arXiv:2103.03230, equation 1.
    """
    return (1 - c.diagonal()).square().sum() + off_diagonal * _off_diagonal(c).square().sum()


@full_precision
def variance_hinge(z: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """How much the standard deviation of each dimension falls short of 1, averaged over dimensions.

    Args:
        z: Embeddings of one view of the whole batch, of at least two images.

    Returns:
        In [0, 1]: 0.99 where all embeddings are the same, for 1e-4 is added to each variance.

    Reference:
        Bardes et al., ICLR 2022, arXiv:2105.04906, equations 1 and 2.
    """
    return (1 - (z.var(dim=0) + 1e-4).sqrt()).relu().mean()


@full_precision
def covariance_penalty(z: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Squared covariances of different dimensions, summed and divided by their number ``d``.

    Args:
        z: Embeddings of one view of the whole batch, of at least two images.

    Returns:
        0 or more.

    Reference:
        Bardes et al., ICLR 2022, arXiv:2105.04906, equations 3 and 4.
    """
    centred = z - z.mean(dim=0)
    return _off_diagonal(centred.T @ centred / (len(z) - 1)).square().sum() / z.shape[1]


def _off_diagonal(square: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    return square - torch.diag_embed(square.diagonal())
