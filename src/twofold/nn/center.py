"""The running mean of a teacher's outputs."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.precision import cast_up


class Center(nn.Module):
    """Moving average of the mean output over the whole batch, equal on all processes; 0 at first.

    Taken off a teacher's outputs, it keeps any one of them from being the answer to everything. What a
    step adds is staged while the loss is computed, and taken in after it.

    Args:
        width: Number of outputs.

    Attributes:
        mean: The center c.

    Reference:
        Caron et al., ICCV 2021, arXiv:2104.14294, equation 4.
    """

    mean: Float[Tensor, " width"]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self._staged: Tensor | None = None

    @torch.no_grad()
    def stage(self, outputs: Float[Tensor, "n width"]) -> None:
        """Remembers the outputs of this step: those of this process, as many on each."""
        self._staged = dist.all_reduce(cast_up(outputs).mean(dim=0)) / dist.world_size()

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Keeps ``momentum`` of the center and takes the rest of what was staged."""
        if self._staged is not None:
            self.mean.lerp_(self._staged.to(self.mean), 1 - momentum)
            self._staged = None
