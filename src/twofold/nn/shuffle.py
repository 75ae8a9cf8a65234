"""Keys that batch norm computes among other images than their queries."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.precision import cast_up


@torch.no_grad()
def shuffled_keys(
    teacher: Callable[[Tensor], Tensor], x: Float[Tensor, "b c h w"], step: int
) -> Float[Tensor, "n d"]:
    """Unit keys of the whole batch, computed in a shuffled order and returned in the batch's own.

    Where batch norm sees groups of the batch, a query and its key would else share a group, and the
    group's statistics would tell which keys may be the right one.

    Args:
        teacher: The key encoder with its head.
        x: This process's part of the batch.
        step: Decides the order, which is the same on all processes.

    Reference:
        He et al., CVPR 2020, arXiv:1911.05722, section 3.3.
    """
    everyone = dist.gather(x)
    shuffle = torch.randperm(len(everyone), generator=torch.Generator().manual_seed(step))
    k = dist.gather(teacher(everyone[shuffle[dist.rows(len(x))]]))
    return F.normalize(cast_up(k))[shuffle.argsort()]
