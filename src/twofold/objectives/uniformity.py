"""Views of one image close together, all images evenly over the sphere."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def alignment(z1: Float[Tensor, "b d"], z2: Float[Tensor, "b d"], alpha: float = 2.0) -> Float[Tensor, ""]:
    """Mean distance, to the power ``alpha``, of the two views of each image on the unit sphere.

    Args:
        z1: Embeddings of one view.
        z2: Embeddings of the other view.
        alpha: Power, at least 1.

    Returns:
        In [0, 2 ** alpha]; ``2 - 2 cos`` for a power of 2.

    Reference:
        Wang & Isola, ICML 2020, arXiv:2005.10242, section 4.1.
    """
    squared = (F.normalize(z1) - F.normalize(z2)).square().sum(dim=1)
    if alpha == 2:
        return squared.mean()
    # a power below 1 of the squared distance is infinitely steep at 0, where its gradient is none
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0) ** (alpha / 2), 0.0).mean()


@full_precision
def uniformity(z: Float[Tensor, "n d"], t: float = 2.0) -> Float[Tensor, ""]:
    """Logarithm of the mean Gaussian potential of all pairs of different embeddings on the unit sphere.

    Args:
        z: Embeddings of one view of the whole batch, at least two.
        t: Sharpness of the potential ``exp(-t * distance ** 2)``, above 0.

    Returns:
        From 0, where all are the same, towards ``-2 t``, where they fill a sphere of many dimensions.

    Reference:
        Wang & Isola, ICML 2020, arXiv:2005.10242, section 4.1.
    """
    squared = torch.pdist(F.normalize(z)).square()
    return (-t * squared).logsumexp(dim=0) - math.log(len(squared))
