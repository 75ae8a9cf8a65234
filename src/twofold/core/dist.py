"""Several processes as one: the only user of torch.distributed.

Every process computes the mean loss of its own share of the batch, against what it gathered from all
of them; gradients are then averaged. Done so, N processes take the step that one process would take
with the whole batch. With one process everything here is the identity.
"""

import math
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as torch_dist
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from twofold.core.errors import ToldElsewhere, TwofoldError
from twofold.core.precision import cast_up
from twofold.core.processes import GO_ON, LAUNCHED, Seat, seat

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

_PATIENCE = timedelta(minutes=30)
"""For an exchange: the first process judges and writes meanwhile."""

_PATIENCE_TO_PACK = timedelta(days=2)
"""For what one process of a machine does for all of it."""

_meeting: "tuple[Seat, Store] | None" = None
"""The place of this process, and where all of them leave notes for each other."""

_torn = False
"""Whether an error ended what several processes did together."""


@contextmanager
def joined() -> Iterator[None]:
    """Within it, the processes that the environment tells of are one; one alone stays alone.

    Of an error that several have, or that ends the others, one process tells. Of a process that was killed
    its launcher tells.

    Raises:
        ToldElsewhere: Instead of an error, where another process tells of one.
        TwofoldError: If another process ended without a word.
    """
    own = seat()
    if own is None:
        yield
        return
    global _torn  # noqa: PLW0603 (as torch's own process group)
    try:
        join(own)
    except RuntimeError as error:
        if is_of_a_lost_peer(error) and LAUNCHED in os.environ:  # it failed before all had met
            raise ToldElsewhere from error
        raise
    try:
        yield
    except BaseException as error:
        _torn = True
        if not _first_to_tell():
            raise ToldElsewhere from error
        if not is_of_a_lost_peer(error):
            raise
        if LAUNCHED in os.environ:
            raise ToldElsewhere from error
        raise TwofoldError(f"another process ended without a word{GO_ON}") from error
    torch_dist.destroy_process_group()


def is_torn() -> bool:
    """Whether this process was one of several until an error ended that."""
    return _torn


def is_of_a_lost_peer(error: BaseException) -> bool:
    """Whether another process ended, as gloo and NCCL say it."""
    told = str(error)
    return isinstance(error, RuntimeError) and ("peer" in told or "remote process" in told)


def join(own: Seat) -> None:
    """Meets the other processes: by gloo in main memory, by NCCL between GPUs."""
    from torch.distributed.rendezvous import rendezvous

    global _meeting  # noqa: PLW0603 (as torch's own process group)
    os.environ |= {"MASTER_ADDR": own.address, "MASTER_PORT": str(own.port)}
    notes, _, _ = next(rendezvous("env://", own.rank, own.size, timeout=_PATIENCE))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    torch_dist.init_process_group(backend, store=notes, rank=own.rank, world_size=own.size, timeout=_PATIENCE)
    _meeting = own, notes


@contextmanager
def one_before_the_others() -> Iterator[None]:
    """What is within is done by one process of each machine first; the others then find it done."""
    if _meeting is None:
        yield
        return
    own, notes = _meeting
    turn = notes.add(f"turns of {own.rank}", 1)
    done = f"{platform.node()} has done {turn}"
    if own.local_rank > 0:
        notes.wait([done], _PATIENCE_TO_PACK)
    yield
    if own.local_rank == 0:
        notes.set(done, "")


def anyone(flag: bool) -> bool:
    """Whether some process says yes; all have to be asked."""
    if world_size() == 1:
        return flag
    votes = torch.tensor(int(flag))
    torch_dist.all_reduce(votes, op=torch_dist.ReduceOp.MAX)
    return bool(votes)


def wait_for_all() -> None:
    """Returns once all processes are here."""
    anyone(False)


def from_first(number: float) -> float:
    """The number that the first process has."""
    if world_size() == 1:
        return number
    told = torch.tensor(number, dtype=torch.float64)
    torch_dist.broadcast(told, src=0)
    return told.item()


def told_by(owner: int, text: str) -> str:
    """What one process has to say.

    Args:
        owner: Its rank.
        text: What each would say.
    """
    if world_size() == 1:
        return text
    said = [text]
    torch_dist.broadcast_object_list(said, src=owner)
    return said[0]


def world_size() -> int:
    """Number of processes."""
    return torch_dist.get_world_size() if _started() else 1


def rank() -> int:
    """Position of this process among them."""
    return torch_dist.get_rank() if _started() else 0


def rows(count: int) -> Int[Tensor, " count"]:
    """Where ``count`` rows of this process stand among the gathered rows of all."""
    return torch.arange(count) + rank() * count


def share(count: int) -> Int[Tensor, " rows"]:
    """Which of ``count`` rows are this process's: as many for each, the last again where they do not divide.

    What is made of them is gathered, and the first ``count`` rows are all of them in their order.
    """
    return rows(math.ceil(count / world_size())).clamp(max=count - 1)


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


def _first_to_tell() -> bool:
    """Whether no process has told of an error yet; the notes end with the first process, which tells then."""
    assert _meeting is not None
    try:
        times: int = _meeting[1].add("times told", 1)
        return times == 1
    except RuntimeError:
        return False


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
