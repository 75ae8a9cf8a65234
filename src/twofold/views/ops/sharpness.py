"""Sharpness."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from twofold.views.counter import Counter


@dataclass(frozen=True)
class Sharpness:
    """Between a smoothed image (factor 0), the image (1) and a sharpened one (above 1).

    Args:
        factor: Range of the factor, at least 0.
        p: Share of the images.
    """

    factor: tuple[float, float] = (0.1, 1.9)
    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``factor``."""
        return {"factor": counter.between(*self.factor, "sharpness.factor")}

    def apply(
        self, images: Float[Tensor, "n c h w"], factor: Float[Tensor, " n"]
    ) -> Float[Tensor, "n c h w"]:
        """See ``sharpness``."""
        return sharpness(images, factor)


def sharpness(images: Float[Tensor, "n c h w"], factor: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """``factor * image + (1 - factor) * smooth``, clipped to [0, 1].

    ``smooth`` is a mean of the 3x3 pixels around each, the middle one counting 5 times; pixels on the
    border of the view stay as they are. It is Pillow's ``ImageEnhance.Sharpness`` in real numbers.

    Args:
        images: In [0, 1].
        factor: At least 0; 1 changes nothing.
    """
    if min(images.shape[2:]) < 3:
        return images.clone()
    channels = images.shape[1]
    kernel = images.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]).div_(13).expand(channels, 1, 3, 3)
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(images, kernel, groups=channels)
    return torch.lerp(smooth, images, factor[:, None, None, None]).clamp_(0, 1)
