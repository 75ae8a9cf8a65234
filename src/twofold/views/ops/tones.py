"""Changes of levels: posterise, equalise, autocontrast, invert.

Where a definition speaks of levels, a colour ``x`` in [0, 1] has the level ``round(255 x)``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.views.counter import Counter

HALF_A_LEVEL = 0.5 / 255


@dataclass(frozen=True)
class Posterize:
    """Only the highest ``bits`` of each level are kept, the others are set to 0.

    Args:
        bits: Fewest and most, each number equally likely, from 0 (black) to 8.
        p: Share of the images.

    Raises:
        TwofoldError: If the bits are not in that range.
    """

    bits: tuple[int, int] = (4, 8)
    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.bits[0] <= self.bits[1] <= 8:
            raise TwofoldError(f"Posterize keeps 0 to 8 bits, fewest first, not {self.bits}")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``bits``."""
        fewest, most = self.bits
        return {"bits": fewest + counter.below(most - fewest + 1, "posterize.bits")}

    def apply(self, images: Float[Tensor, "n c h w"], bits: Int[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
        """See ``posterize``."""
        return posterize(images, bits)


@dataclass(frozen=True)
class Equalize:
    """The histogram of each channel is flattened, with probability ``p``: see ``equalize``."""

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """See ``equalize``."""
        return equalize(images)


@dataclass(frozen=True)
class AutoContrast:
    """Each channel is stretched to the whole range, with probability ``p``: see ``autocontrast``."""

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """See ``autocontrast``."""
        return autocontrast(images)


@dataclass(frozen=True)
class Invert:
    """``1 - image``, with probability ``p``."""

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The negative."""
        return 1 - images


def posterize(images: Float[Tensor, "n c h w"], bits: Int[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """``(level - level mod 2^(8 - bits)) / 255``.

    Args:
        images: In [0, 1].
        bits: 0 to 8.
    """
    step = (2.0 ** (8 - bits))[:, None, None, None].to(images.dtype)
    levels = (images * 255).round_()
    return levels.div(step).floor_().mul_(step).div_(255)


def autocontrast(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """``(x - low) / (high - low)`` with the least and the greatest value of a channel.

    A channel whose values differ by less than half a level stays as it is.
    """
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    reach = high - low
    flat = reach < HALF_A_LEVEL
    return torch.where(flat, images, (images - low) / (reach + flat)).clamp_(0, 1)


def equalize(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Levels of a channel are replaced so that all come about equally often.

    With ``step`` a 255th, rounded down, of the number of pixels below the channel's highest level, a level
    with ``n`` pixels of lower levels becomes ``min(255, (step // 2 + n) // step)``. A channel whose step
    is 0 stays as it is. This is what Pillow's ``ImageOps.equalize`` does to bytes.
    """
    levels = (images * 255).round_().long().flatten(0, 1).flatten(1)
    counts = levels.new_zeros(len(levels), 256).scatter_add_(1, levels, torch.ones_like(levels))
    below = counts.cumsum(1) - counts
    step = below.gather(1, levels.amax(1, keepdim=True)) // 255
    table = ((step // 2 + below) // step.clamp(min=1)).clamp_(max=255)
    equal = table.gather(1, levels).view(images.shape).to(images.dtype) / 255
    return torch.where((step == 0).view(*images.shape[:2], 1, 1), images, equal)
