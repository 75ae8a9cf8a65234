"""What a teacher's outputs ask of a student: targets, and how sure they are."""

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@torch.no_grad()
@full_precision
def centred_targets(
    outputs: Float[Tensor, "*b k"], center: Float[Tensor, " k"], temperature: float
) -> Float[Tensor, "*b k"]:
    """The teacher's distribution over its outputs: centred against one answer for all, sharpened.

    Centring alone makes all targets uniform, sharpening alone makes all the same; together they hold the
    balance.

    Args:
        outputs: Of the teacher, as they are.
        center: The running mean of its outputs.
        temperature: tau_t, above 0; small values sharpen.

    Returns:
        Distributions without gradient.

    Reference:
        Caron et al., ICCV 2021, arXiv:2104.14294, section 3.1.
    """
    return ((outputs - center) / temperature).softmax(dim=-1)


@full_precision
def mean_entropy(p: Float[Tensor, "*b k"]) -> Float[Tensor, ""]:
    """Mean entropy of distributions, in nats: from 0, all certain, to ``log k``, all uniform."""
    return -torch.xlogy(p, p).sum(dim=-1).mean()
