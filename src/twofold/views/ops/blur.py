"""Gaussian blur."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from twofold.core.errors import UsageError
from twofold.views.counter import Counter

REFERENCE_SIDE = 224
"""Sigmas are given in pixels of views of this side, so that they mean the same at every size."""

_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Blur:
    """Gaussian blur with probability ``p``: kernel a tenth of the side, sigma in pixels at a side of 224."""

    p: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise UsageError(f"Blur with sigma {self.sigma}: the least comes first, and is above 0")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``sigma``, in pixels of a 224-pixel view."""
        return {"sigma": counter.between(*self.sigma, "blur.sigma")}

    def apply(self, images: Float[Tensor, "n c h w"], sigma: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
        """See ``gaussian_blur``."""
        return gaussian_blur(images, sigma)


def gaussian_blur(images: Float[Tensor, "b c h w"], sigma: Float[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
    """Convolution with a sampled Gaussian along both axes.

    The kernel is an odd number of pixels, about a tenth of the shorter side (23 at 224 pixels, 9 at 96,
    3 at 32, none below 20), and sums to 1. Beyond its border the image is continued by its mirror
    image, whose axis is the centre of the last pixel.

    Args:
        images: In [0, 1].
        sigma: In pixels of a 224-pixel view; it shrinks with the shorter side of the images.

    Reference:
        Chen et al., ICML 2020 (2002.05709), appendix A.
    """
    side = min(images.shape[-2:])
    out = torch.empty_like(images)
    for image, blurred, value in zip(images, out, sigma.tolist(), strict=True):
        weights = half_kernel(side // 20, value * side / REFERENCE_SIDE)
        blurred.copy_(_along(_along(image, weights, 1), weights, 2))
    return out.clamp_(max=1)


def half_kernel(radius: int, sigma: float) -> list[float]:
    """Weights of the centre and of each distance from it, as long as they matter in float32.

    Args:
        radius: Largest distance in pixels.
        sigma: In pixels, above 0.
    """
    bell = [math.exp(-0.5 * (distance / sigma) ** 2) for distance in range(radius + 1)]
    total = 2 * sum(bell) - 1
    return [value / total for value in bell if value / total > _NEGLIGIBLE]


def _along(image: Float[Tensor, "c h w"], weights: list[float], dim: int) -> Float[Tensor, "c h w"]:
    radius, length = len(weights) - 1, image.shape[dim]
    padding = (0, 0, radius, radius) if dim == 1 else (radius, radius, 0, 0)
    padded = functional.pad(image, padding, mode="reflect")
    out = padded.narrow(dim, radius, length) * weights[0]
    pair = torch.empty_like(out)
    for distance in range(1, radius + 1):
        before = padded.narrow(dim, radius - distance, length)
        torch.add(before, padded.narrow(dim, radius + distance, length), out=pair)
        out.add_(pair, alpha=weights[distance])
    return out
