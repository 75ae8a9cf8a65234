"""Operations on colours in [0, 1]. Each image has its own parameter; results are clipped to [0, 1].

Brightness, contrast, saturation and hue are those of torchvision's ColorJitter in real numbers, but for
the third digit of the luma.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.core.colour_spaces import luma
from twofold.views.counter import Counter


@dataclass(frozen=True)
class Gray:
    """All channels replaced by the luma, with probability ``p``."""

    p: float = 0.2

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The luma in every channel."""
        return gray(images).contiguous()

    def without_colour(self) -> None:
        """Nothing is left."""


def gray(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Every channel is replaced by the luma."""
    return luma(images).expand_as(images)


def brightness(images: Float[Tensor, "b c h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
    """``factor * image``.

    Args:
        images: In [0, 1].
        factor: At least 0; 1 changes nothing.
    """
    return (images * _each(factor)).clamp_(0, 1)


def add(images: Float[Tensor, "b c h w"], amount: Float[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
    """``image + amount``.

    Args:
        images: In [0, 1].
        amount: Any real number; 0 changes nothing.
    """
    return (images + _each(amount)).clamp_(0, 1)


def contrast(images: Float[Tensor, "b c h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b c h w"]:
    """``factor * image + (1 - factor) * m`` with the mean ``m`` of the image's luma. Arguments as above."""
    mean = luma(images.mean((2, 3), keepdim=True))
    return (images * _each(factor)).add_(mean * (1 - _each(factor))).clamp_(0, 1)


def saturation(images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """``factor * image + (1 - factor) * luma``. Arguments as above."""
    rest = luma(images).mul_(1 - _each(factor))
    return (images * _each(factor)).add_(rest).clamp_(0, 1)


def hue(images: Float[Tensor, "b 3 h w"], turn: Float[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
    """The hue of HSV is turned; value and saturation of HSV stay.

    Args:
        images: In [0, 1].
        turn: Share of a full turn, any real number: red becomes green at 1/3.
    """
    red, green, blue = images.unbind(1)
    low = torch.minimum(torch.minimum(red, green), blue)
    chroma = torch.maximum(torch.maximum(red, green), blue).sub_(low)
    angle = _angle(images, low, chroma).add_(6 * turn[:, None, None])
    angle.sub_(angle.div(6).floor_().mul_(6))
    # With value and saturation fixed, each channel is a trapezoid of the angle, between low and high:
    # red lowest around 3, green highest around 2, blue highest around 4.
    centre = images.new_tensor([3.0, 2.0, 4.0])[:, None, None]
    sign = images.new_tensor([1.0, -1.0, -1.0])[:, None, None]
    share = (angle[:, None] - centre).abs_().sub_(1.5).mul_(sign).add_(0.5).clamp_(0, 1)
    return torch.addcmul(low[:, None], chroma[:, None], share)


def _each(parameter: Float[Tensor, " b"]) -> Float[Tensor, "b 1 1 1"]:
    return parameter[:, None, None, None]


def _angle(
    images: Float[Tensor, "b 3 h w"], low: Float[Tensor, "b h w"], chroma: Float[Tensor, "b h w"]
) -> Float[Tensor, "b h w"]:
    """Hue in sixths of a turn, 0 to 6; anything where there is no chroma.

    One of three formulas holds, by which channel is the least. They are selected by arithmetic, because
    comparisons and ``where`` cost several times more than products.
    """
    red, green, blue = (images - low[:, None]).div_(chroma.clamp(min=1e-12)[:, None]).unbind(1)
    least_red = (blue - green).add_(3)
    least_green = (red - blue).add_(5)
    least_blue = (green - red).add_(1)
    not_blue = torch.lerp(least_green, least_red, green.ceil())
    return torch.lerp(least_blue, not_blue, blue.ceil())
