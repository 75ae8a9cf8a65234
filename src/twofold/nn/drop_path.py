"""Stochastic depth: in training, every image goes past some residual branches of a network."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.errors import UsageError

_NAMES = ("drop_path", "drop_path1", "drop_path2")
"""What timm's blocks call the place behind a residual branch."""


class DropPath(nn.Module):
    """Sets a residual branch to 0 for some images, in training, and scales it up for the others.

    Args:
        rate: Share of the images that go past it.

    Reference:
        Huang et al., ECCV 2016, arXiv:1603.09382.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.batch = 1

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The branch as it is expected to be, image by image."""
        if not self.training or not self.rate:
            return x
        share = self._kept(len(x), x.device) / (1 - self.rate)
        return x * share.to(x.dtype).view(-1, *[1] * (x.ndim - 1))

    def _kept(self, rows: int, device: torch.device) -> Bool[Tensor, " rows"]:
        """Which of the rows, that are views of this process's images, one view after the other."""
        batch = self.batch if rows % self.batch == 0 else rows  # a part of them, see in_parts
        drawn = torch.rand(rows // batch, dist.world_size(), batch, device=device)
        return drawn[:, dist.rank()].flatten() >= self.rate


def drop_paths(network: nn.Module, rate: float) -> None:
    """Gives a network of timm's stochastic depth: 0 at its first block, ``rate`` at its last, linear between.

    Raises:
        UsageError: If the rate is no share below 1, or there are no such blocks in the network.
    """
    if not 0 <= rate < 1:
        raise UsageError(f"--drop-path must be from 0 to below 1, not {rate}")
    if not rate:
        return
    blocks = [block for block in network.modules() if any(hasattr(block, name) for name in _NAMES)]
    if not blocks:
        raise UsageError("this encoder has no residual branches that could be dropped: give --drop-path 0")
    for block, own in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
        for name in _NAMES:
            if hasattr(block, name):
                setattr(block, name, DropPath(own))


@contextmanager
def dropping(network: nn.Module, seed: int, batch: int) -> Iterator[None]:
    """Within it, what is dropped hangs on the seed and the image's place in the batch of all processes.

    Torch's generator is as before after it. Where only parts of the images go through the network at once,
    their sizes have a say, too.

    Args:
        network: What images go through.
        seed: Another one at every step.
        batch: How many images this process has, each of whose views goes through.
    """
    paths = [module for module in network.modules() if isinstance(module, DropPath)]
    if not paths:
        yield
        return
    for path in paths:
        path.batch = batch
    device = next(network.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
