"""What the two views of an image have in common, as a contrastive loss bounds it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision


@torch.no_grad()
def i_nce(loss: Float[Tensor, "*n"], candidates: int) -> Float[Tensor, "*n"]:
    """I_NCE: the lower bound on the mutual information of two views that a contrastive loss gives, in nats.

    At most ``log candidates``, however much there is to share: figures compare at equal numbers only. On
    views that were trained on it is no bound, but still tells how far the task is solved.

    Args:
        loss: Mean cross-entropy of picking the positive, in nats; or each query's, of which the mean counts.
        candidates: Among how many it was picked, itself included.

    Reference:
        van den Oord et al., 2018, arXiv:1807.03748, equation 5; Tian et al., NeurIPS 2020, arXiv:2005.10243.
    """
    return math.log(candidates) - loss


@full_precision
@torch.no_grad()
def nce_losses(
    one: Float[Tensor, "n d"], other: Float[Tensor, "n d"], candidates: int, temperature: float
) -> Float[Tensor, " m"]:
    """Cross-entropy of picking an image's other view by ``cosine / temperature``, in nats, for each image.

    Each view of an image is the query once, among the other views of its block of ``candidates`` images, and
    the mean of both counts. The last images, which fill no block, are left out.

    Args:
        one: Embeddings of one view, in random order.
        other: Of the other view of the same images.
        candidates: Among how many the positive is picked, itself included; at most ``n``.
        temperature: tau, above 0.
    """
    losses = []
    for start in range(0, len(one) - candidates + 1, candidates):
        block = slice(start, start + candidates)
        cosines = functional.normalize(one[block], dim=1) @ functional.normalize(other[block], dim=1).T
        own = torch.arange(candidates, device=cosines.device)
        to_other, to_one = (
            functional.cross_entropy(logits / temperature, own, reduction="none")
            for logits in (cosines, cosines.T)
        )
        losses.append((to_other + to_one) / 2)
    return torch.cat(losses)
