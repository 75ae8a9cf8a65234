"""Tell an image's own memory from memories drawn at random, other ones for every image."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


@full_precision
def memory_scores(
    v: Float[Tensor, "b d"],
    positive: Float[Tensor, "b d"],
    negatives: Float[Tensor, "b m d"],
    temperature: float,
) -> Float[Tensor, "b 1+m"]:
    """Cosines of each embedding with its own memory, first, and with its negatives, over the temperature.

    Args:
        v: Embeddings.
        positive: The memory of each one's image, a unit vector.
        negatives: Memories of images drawn at random, unit vectors.
        temperature: tau, above 0.
    """
    v = F.normalize(v)
    own = (positive * v).sum(dim=1, keepdim=True)
    others = (negatives @ v[:, :, None]).squeeze(2)
    return torch.cat([own, others], dim=1) / temperature


@full_precision
def log_partition(scores: Float[Tensor, "b c"], items: int) -> Float[Tensor, ""]:
    """Logarithm of Z as a batch estimates it: ``items`` times the mean of exp(score) over the negatives.

    Args:
        scores: Of ``memory_scores``.
        items: n, number of memories that the negatives were drawn from.

    Reference:
        Wu et al., CVPR 2018, arXiv:1805.01978, section 3.2.
    """
    sampled = scores[:, 1:]
    return sampled.logsumexp(dim=(0, 1)) + math.log(items / sampled.numel())


@full_precision
def nce(scores: Float[Tensor, "b c"], log_z: Float[Tensor, ""], items: int) -> Float[Tensor, ""]:
    """Noise-contrastive estimation: was a memory drawn from the image's own distribution, or at random?

    With ``P = exp(score) / Z`` and the noise ``P_n = 1 / n``, a memory is the image's own with
    ``D = P / (P + m P_n)``; the loss is ``-log D`` of the positive less ``log(1 - D)`` of every
    negative. Done on logarithms, it keeps its gradient where D is 0 or 1.

    Args:
        scores: Of ``memory_scores``, for one positive and m negatives.
        log_z: Logarithm of the constant Z.
        items: n, number of memories that the negatives were drawn from.

    Returns:
        Mean over the batch of the sum over one positive and m negatives, in nats; where P is ``1 / n``
        everywhere, ``(m + 1) log(m + 1) - m log m``.

    Reference:
        Wu et al., CVPR 2018, arXiv:1805.01978, section 3.2.
    """
    negatives = scores.shape[1] - 1
    log_odds = scores - log_z - math.log(negatives / items)
    return (F.softplus(-log_odds[:, 0]) + F.softplus(log_odds[:, 1:]).sum(dim=1)).mean()


@full_precision
def sampled_softmax(scores: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    """InfoNCE: cross-entropy of picking the image's own memory among it and its negatives.

    Args:
        scores: Of ``memory_scores``.

    Returns:
        Mean over the batch, in nats; about ``log(m + 1)`` for random embeddings.

    Reference:
        van den Oord et al., 2018, arXiv:1807.03748, equation 4; with a memory bank: Tian et al.,
        ECCV 2020, arXiv:1906.05849, section 3.
    """
    return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))


def memory_loss(
    scores: Float[Tensor, "b c"],
    loss: Literal["nce", "softmax"],
    items: int,
    constant: Callable[[Float[Tensor, ""]], Float[Tensor, ""]],
) -> Float[Tensor, ""]:
    """One of both losses.

    Args:
        scores: Of ``memory_scores``.
        loss: ``nce`` or ``sampled_softmax``.
        items: n, number of memories that the negatives were drawn from.
        constant: Gives log Z for the batch's estimate of it; not asked by the softmax.
    """
    if loss == "softmax":
        return sampled_softmax(scores)
    return nce(scores, constant(log_partition(scores, items)), items)
