"""A large batch through a network of which only a part fits into memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from twofold.nn.norm import GroupedBatchNorm


def in_parts(
    function: Callable[[Tensor], Tensor], x: Float[Tensor, "b ..."], at_once: int, network: nn.Module
) -> Float[Tensor, "b ..."]:
    """``function(x)``, so many rows at once; what a part computed is forgotten, and computed again backwards.

    Losses that compare all rows of a batch with each other see all of them, and the gradient is that of the
    whole batch: GradCache, for any loss. It costs one more forward pass. Batch norms see each part as a batch
    of its own, or as its share of their groups, and follow each part once: only networks without batch
    statistics give exactly the gradient of the whole.

    Args:
        function: Maps rows to rows.
        x: Rows.
        at_once: Rows of a part.
        network: Whose batch norms ``function`` moves.

    Reference:
        Gao, Zhang, Han, Callan: Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup
        (arXiv:2101.06983).
    """

    def of_part(part: Tensor) -> Tensor:
        with _groups_shared(network, len(part) / len(x)):
            return function(part)

    parts = x.split(at_once)
    if not torch.is_grad_enabled():
        return torch.cat([of_part(part) for part in parts])

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(network)

    return torch.cat([checkpoint(of_part, part, use_reentrant=False, context_fn=contexts) for part in parts])


@contextmanager
def _groups_shared(network: nn.Module, share: float) -> Iterator[None]:
    norms = [module for module in network.modules() if isinstance(module, GroupedBatchNorm)]
    for norm in norms:
        norm.share = share
    try:
        yield
    finally:
        for norm in norms:
            norm.share = 1.0


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Afterwards, running statistics are what they were before."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    buffers = [buffer for norm in norms for buffer in norm.buffers(recurse=False)]
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
