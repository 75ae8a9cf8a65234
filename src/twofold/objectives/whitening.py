"""Make the dimensions of an embedding uncorrelated and of variance 1, by the batch's own covariance."""

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@full_precision
def whiten(x: Float[Tensor, "*groups w d"], shrink: float = 0.0) -> Float[Tensor, "*groups w d"]:
    """Embeddings with mean 0 and the identity for a covariance, group by group; gradients flow through both.

    Args:
        x: Groups of at least d + 1 embeddings; small groups make the covariance a poor estimate.
        shrink: epsilon, share of the identity in the covariance; above 0 the result is white only roughly.

    Returns:
        ``inv(L) (x - mean)``, where ``L L^T`` is the covariance; no numbers where that is singular, since the
        embeddings of a group do not span all dimensions.

    Reference:
        Ermolov et al., ICML 2021, arXiv:2007.06346, equations 4 and 5; Siarohin et al., ICLR 2019.
    """
    w, d = x.shape[-2:]
    centred = x - x.mean(dim=-2, keepdim=True)
    covariance = centred.mT @ centred / (w - 1)
    shrunk = (1 - shrink) * covariance + shrink * torch.eye(d).to(x)
    lower, failed = torch.linalg.cholesky_ex(shrunk)
    lower = lower.where((failed == 0)[..., None, None], torch.nan)
    whitened: Tensor = torch.linalg.solve_triangular(lower, centred.mT, upper=False).mT
    return whitened
