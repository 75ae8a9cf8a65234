"""Colour spaces."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.precision import full_precision

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""

Space = Literal["lab", "hsv", "ycbcr", "ydbdr", "yiq", "yuv"]

DIFFERENCES = {
    "ycbcr": ((-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)),
    "ydbdr": ((-0.450, -0.883, 1.333), (-1.333, 1.116, 0.217)),
    "yiq": ((0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)),
    "yuv": ((-0.14713, -0.28886, 0.436), (0.615, -0.51499, -0.10001)),
}
"""Weights of red, green and blue in the two colour differences."""

LINEAR_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE = (0.95047, 1.0, 1.08883)
"""sRGB with white D65."""

LAB_MEAN, LAB_STD = (50.0, 6.025, -6.690), (50.0, 92.208, 101.168)
"""They take L, a, b of all sRGB colours to [-1, 1]."""


@full_precision
def convert(images: Float[Tensor, "n 3 h w"], space: Space) -> Float[Tensor, "n 3 h w"]:
    """RGB becomes another space of three channels, each scaled so that all RGB colours give [0, 1].

    ``lab``: CIE L*a*b* of sRGB colours (white D65), as ``0.5 + (lab - mean) / (2 std)`` with the mean
    (50, 6.025, -6.690) and std (50, 92.208, 101.168) of CMC: an encoder that takes off 0.5 and divides by
    0.5 sees what CMC's saw. ``hsv``: hue as a share of a turn (0 for grays), saturation, value. The
    others: luma (ITU-R BT.601), then two colour differences ``d`` of greatest value ``m``, as ``0.5 + d /
    (2 m)``. So scaled, ``ycbcr`` and ``yuv`` are the same up to the rounding of their published weights,
    and ``ydbdr`` has the second difference of opposite sign. Differences of near numbers need full precision.

    Args:
        images: Red, green and blue in [0, 1].
        space: Its name.
    """
    if space == "lab":
        return lab(images)
    if space == "hsv":
        return hsv(images)
    weights = images.new_tensor(DIFFERENCES[space])
    greatest = weights.clamp(min=0).sum(1)
    differences = torch.einsum("dc,nchw->ndhw", weights / greatest[:, None] / 2, images) + 0.5
    return torch.cat([luma(images), differences], dim=1).clamp_(0, 1)


def luma(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Weighted sum of red, green and blue; gray images are their own."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    weighted: Tensor = red * LUMA[0]
    return weighted.add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def lab(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """See ``convert``."""
    linear = torch.where(images > 0.04045, ((images + 0.055) / 1.055) ** 2.4, images / 12.92)
    to_xyz = images.new_tensor(LINEAR_TO_XYZ) / images.new_tensor(WHITE)[:, None]
    xyz = torch.einsum("dc,nchw->ndhw", to_xyz, linear)
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=0) ** (1 / 3), 7.787 * xyz + 16 / 116).unbind(1)
    plain = torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)
    mean, std = images.new_tensor(LAB_MEAN), images.new_tensor(LAB_STD)
    return plain.sub_(mean[:, None, None]).div_(2 * std[:, None, None]).add_(0.5).clamp_(0, 1)


def hsv(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """See ``convert``."""
    red, green, blue = images.unbind(1)
    value, low = images.amax(1), images.amin(1)
    chroma = value - low
    some = chroma.clamp(min=1e-12)
    sixths = torch.where(
        value == red,
        ((green - blue) / some) % 6,
        torch.where(value == green, (blue - red) / some + 2, (red - green) / some + 4),
    )
    return torch.stack([sixths / 6, chroma / value.clamp(min=1e-12), value], dim=1)
