"""Several processes as one: the only user of torch.distributed.

Every process computes the mean loss of its own share of the batch, against what it gathered from all
of them; gradients are then averaged. Done so, N processes take the step that one process would take
with the whole batch. With one process everything here is the identity.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as torch_dist
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from twofold.core.precision import cast_up


def world_size() -> int:
    """Number of processes."""
    return torch_dist.get_world_size() if _started() else 1


def rank() -> int:
    """Position of this process among them."""
    return torch_dist.get_rank() if _started() else 0


def rows(count: int) -> Int[Tensor, " count"]:
    """Where ``count`` rows of this process stand among the gathered rows of all."""
    return torch.arange(count) + rank() * count


def gather(x: Num[Tensor, "b ..."]) -> Num[Tensor, "n ..."]:
    """The rows of all processes in the order of their ranks, with gradients to all of them.

    Every process must give the same number of rows. Half types arrive as float32, so that gradients
    are summed in it.
    """
    if world_size() == 1:
        return x
    gathered: Tensor = _Gather.apply(cast_up(x))
    return gathered


def all_reduce(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The sum over all processes, with gradients to all of them."""
    if world_size() == 1:
        return x
    total: Tensor = _AllReduce.apply(cast_up(x))
    return total


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in one exchange a type."""
    if world_size() == 1:
        return
    for same in _by_type(tensors):
        flat = torch.cat([tensor.flatten() for tensor in same])
        torch_dist.all_reduce(flat)
        flat /= world_size()
        for tensor, mean in zip(same, flat.split([t.numel() for t in same]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Makes the gradients of the mean loss over all processes of those of each one's loss."""
    average(p.grad for p in parameters if p.grad is not None)


@torch.no_grad()
def equalise(module: nn.Module) -> None:
    """Gives every process the parameters and buffers of the first one; once, before training."""
    if world_size() == 1:
        return
    for tensor in module.state_dict().values():
        torch_dist.broadcast(tensor, src=0)


def _started() -> bool:
    return torch_dist.is_available() and torch_dist.is_initialized()


def _by_type(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    return list(groups.values())


class _Gather(torch.autograd.Function):
    """All-gather whose gradient sums what every process owes to the rows of this one.

    torch's own differentiable all_gather gave wrong gradients on gloo where the result was used
    transposed: what travels must be contiguous, which is made sure of here.
    """

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
        torch_dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        owed = gradient.clone(memory_format=torch.contiguous_format)
        torch_dist.all_reduce(owed)
        return owed.chunk(world_size())[rank()]


class _AllReduce(torch.autograd.Function):
    """Sum over processes; each one's term feeds every process's loss, so gradients are summed too."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(x: Tensor) -> Tensor:
    total = x.clone(memory_format=torch.contiguous_format)
    torch_dist.all_reduce(total)
    return total
