"""Predict the other network's embedding."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def cosine_regression(q: Float[Tensor, "b d"], z: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Squared distance between unit vectors, ``2 - 2 cos``, averaged over the batch.

    Args:
        q: Predictions.
        z: Targets; no gradient is cut here.

    Returns:
        In [0, 4].

    Reference:
        Grill et al., NeurIPS 2020, arXiv:2006.07733, equation 2.
    """
    return 2 - 2 * (F.normalize(q) * F.normalize(z)).sum(dim=1).mean()
