"""NT-Xent in its plain form and in Twofold's blocks, forward and backward: time, and memory at most."""

import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from twofold.objectives.contrastive import nt_xent

DIM = 128
TEMPERATURE = 0.1


def plain(rows: int, rounds: int) -> tuple[list[float], float]:
    """The form of most implementations: all N x N similarities, the diagonal masked, cross-entropy."""

    def loss(z1: Tensor, z2: Tensor) -> Tensor:
        z = torch.cat([z1, z2])
        similar = (z @ z.T / TEMPERATURE).fill_diagonal_(float("-inf"))
        other = torch.arange(len(z)).roll(len(z1))
        return F.cross_entropy(similar, other)

    return _measured(loss, rows, rounds)


def blocks(rows: int, rounds: int) -> tuple[list[float], float]:
    """As SimCLR has it."""

    def loss(z1: Tensor, z2: Tensor) -> Tensor:
        return nt_xent(z1, z2, torch.arange(len(z1)), z1, z2, temperature=TEMPERATURE)

    return _measured(loss, rows, rounds)


def _measured(loss: Callable[[Tensor, Tensor], Tensor], rows: int, rounds: int) -> tuple[list[float], float]:
    """Milliseconds of each round after one that is not counted; MiB beyond the start at most."""
    torch.manual_seed(0)
    z1, z2 = (F.normalize(torch.randn(rows // 2, DIM)).requires_grad_() for _ in range(2))
    (torch.randn(512, DIM) @ torch.randn(DIM, 512)).sum()  # the libraries' own buffers
    before, times = _most(), []
    for _ in range(rounds + 1):
        z1.grad = z2.grad = None
        start = time.perf_counter()
        loss(z1, z2).backward()
        times.append(round(1e3 * (time.perf_counter() - start), 2))
    return times[1:], _most() - before


def _most() -> float:
    """MiB that this process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
