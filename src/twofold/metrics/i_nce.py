"""What the two views of an image have in common, as a contrastive loss bounds it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


@torch.no_grad()
def i_nce(loss: Float[Tensor, ""], candidates: int) -> Float[Tensor, ""]:
    """I_NCE: the lower bound on the mutual information of two views that a contrastive loss gives, in nats.

    At most ``log candidates``, however much there is to share: figures compare at equal numbers only. On
    views that were trained on it is no bound, but still tells how far the task is solved.

    Args:
        loss: Mean cross-entropy of picking the positive, in nats.
        candidates: Among how many it was picked, itself included.

    Reference:
        van den Oord et al., 2018, arXiv:1807.03748, equation 5; Tian et al., NeurIPS 2020, arXiv:2005.10243.
    """
    return math.log(candidates) - loss
