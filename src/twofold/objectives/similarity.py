"""Point the same way as the other view."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def negative_cosine(p: Float[Tensor, "b d"], z: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Minus the cosine of predictions and targets, averaged over the batch.

    Args:
        p: Predictions.
        z: Targets; no gradient is cut here.

    Returns:
        In [-1, 1].

    Reference:
        Chen & He, CVPR 2021, arXiv:2011.10566, equation 1.
    """
    return -(F.normalize(p) * F.normalize(z)).sum(dim=1).mean()
