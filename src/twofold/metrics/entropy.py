"""What targets over prototypes say: how sure they are, how many they use, what they tell of an image."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision


@full_precision
@torch.no_grad()
def mean_entropy(p: Float[Tensor, "n k"]) -> float:
    """Mean entropy of the distributions, in nats: from 0, all certain, to ``log k``, all uniform.

    Reference:
        Caron et al., ICCV 2021, arXiv:2104.14294, section 5.3, where the teacher's tells of collapse.
    """
    return -torch.xlogy(p, p).sum(dim=1).mean().item()


@full_precision
@torch.no_grad()
def entropy_of_mean(p: Float[Tensor, "n k"]) -> float:
    """Entropy of the mean distribution, in nats: 0 where one takes all, ``log k`` where all are equal."""
    mean = p.mean(dim=0)
    return -torch.xlogy(mean, mean).sum().item()


def share_used(p: Float[Tensor, "n k"]) -> float:
    """How many prototypes the distributions use, as a share of all: in [1 / k, 1].

    The exponential of the entropy of their mean over ``k``. Distributions that are each certain use at most
    ``n`` of them.
    """
    return math.exp(entropy_of_mean(p)) / p.shape[1]


def information(p: Float[Tensor, "n k"]) -> float:
    """What a distribution tells of its image: their mutual information, in nats.

    The entropy of the mean less the mean entropy. At least 0, where all images have the same distribution,
    be it uniform or certain; at most ``log min(n, k)``, where each has a prototype for itself.
    """
    return max(0.0, entropy_of_mean(p) - mean_entropy(p))
