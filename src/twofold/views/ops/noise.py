"""Gaussian noise."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.views.counter import Counter

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST, _SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
"""The constants of SplitMix64 as signed numbers: torch has no unsigned arithmetic."""


@dataclass(frozen=True)
class GaussianNoise:
    """Independent normal numbers are added to all values of an image.

    Args:
        sigma: Range of their standard deviation, drawn for each image; 0.05 is a twentieth of the range.
        p: Share of the images.
        clip: Whether the result is clipped to [0, 1].
    """

    sigma: tuple[float, float] = (0.0, 0.05)
    p: float = 0.5
    clip: bool = True

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``sigma``, and ``seed``, of which and of a value's position its noise is a pure function."""
        seed = counter.below(1 << 53, "gaussiannoise.seed")
        return {"sigma": counter.between(*self.sigma, "gaussiannoise.sigma"), "seed": seed}

    def apply(
        self, images: Float[Tensor, "n c h w"], sigma: Float[Tensor, " n"], seed: Int[Tensor, " n"]
    ) -> Float[Tensor, "n c h w"]:
        """The noisy image."""
        noise = normal(seed, images[0].numel()).to(images.dtype).view(images.shape)
        noisy = torch.addcmul(images, noise, sigma[:, None, None, None])
        return noisy.clamp_(0, 1) if self.clip else noisy


def normal(seed: Int[Tensor, " n"], count: int) -> Float[Tensor, "n {count}"]:
    """``count`` standard normal numbers a seed, the same ones on every device up to rounding.

    A number of 64 bits is hashed as in ``Counter``; its halves are the radius and the angle of Box and
    Muller's method.
    """
    position = torch.arange(1, count + 1, device=seed.device)
    bits = _mix(_mix(seed * _GOLDEN)[:, None] + position * _GOLDEN)
    radius, angle = (((half & 0xFFFFFFFF) + 0.5) / 2**32 for half in (_shifted(bits, 32), bits))
    return (radius.log_().mul_(-2)).sqrt_().mul_(angle.mul_(2 * math.pi).cos_())


def _mix(state: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Finaliser of SplitMix64; see ``counter``."""
    state = (state ^ _shifted(state, 30)) * _FIRST
    state = (state ^ _shifted(state, 27)) * _SECOND
    return state ^ _shifted(state, 31)


def _shifted(state: Int[Tensor, "..."], places: int) -> Int[Tensor, "..."]:
    """To the right, filled with zeros, as if the number were unsigned."""
    return (state >> places) & ((1 << (64 - places)) - 1)
