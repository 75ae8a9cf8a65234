"""Sobel filters."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from twofold.core.colour_spaces import luma
from twofold.views.counter import Counter


@dataclass(frozen=True)
class Sobel:
    """Each channel is replaced by the length of its gradient, clipped to 1, with probability ``p``.

    The gradient is that of ``gradients``.

    Reference:
        Chen et al., ICML 2020 (2002.05709), section 3.
    """

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Bright edges on black."""
        across, down = gradients(images)
        return torch.hypot(across, down).clamp_(max=1)


@dataclass(frozen=True)
class Gradients:
    """Two channels: the luma's gradient to the right and down, as ``0.5 + gradient / 2`` in [0, 1].

    Reference:
        Caron et al., ECCV 2018 (1807.05520): the fixed filters before the first layer.
    """

    p: ClassVar[float] = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 2 h w"]:
        """0.5 where nothing changes."""
        return torch.cat(gradients(luma(images)), dim=1).mul_(0.5).add_(0.5)


def gradients(
    images: Float[Tensor, "n c h w"],
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c h w"]]:
    """Sobel's gradients, to the right and down, of images continued by their border pixels.

    The difference of the two neighbours, averaged with weights 1, 2, 1 over three lines: 1 between black
    and white.
    """
    n, channels, height, width = images.shape
    sobel = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]).div_(4)
    planes = functional.pad(images.reshape(n * channels, 1, height, width), (1, 1, 1, 1), mode="replicate")
    both = functional.conv2d(planes, torch.stack([sobel, sobel.T])[:, None])
    across, down = both.unflatten(0, (n, channels)).unbind(2)
    return across, down
