"""The one view that an encoder is judged on: nothing random, nothing recoloured."""

from typing import Literal

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from twofold.core.recipe import Interpolation
from twofold.core.source import Pixels
from twofold.views.ops.geometry import resize

LARGE_VIEW = 64
"""Views above this side lose the border that the ImageNet protocol cuts off: an eighth of the short side."""

Framing = Literal["central", "whole"]
"""``central``: the ImageNet protocol's; ``whole``: nothing of the short side is cut off, resized bicubic."""

_LONGEST = 8
_CHUNK = 16


@torch.no_grad()
def evaluation_view(
    images: Pixels, size: int, framing: Framing = "central"
) -> Float[Tensor, "b c {size} {size}"]:
    """The central square of each image, in [0, 1].

    Images of ``size x size`` stay as they are. Others are resized, antialiased bilinear, so that their
    short side is ``size * 256 / 224`` for views above 64 pixels, else ``size``; then their centre is cut
    out. Images longer than eight times their short side are first cut to their middle.

    Args:
        images: Colours in 0 to 255.
        size: Side of the view in pixels.
        framing: ``whole`` resizes the short side to ``size`` at any size, antialiased bicubic: how Kornblith
            et al. (CVPR 2019, 1805.08974) show images of other data sets to an encoder.

    Returns:
        Float32 in channels-last order.
    """
    chunks = images.split(_CHUNK) if isinstance(images, Tensor) else [image[None] for image in images]
    views = torch.cat([_central(chunk, size, framing) for chunk in chunks])
    return views.contiguous(memory_format=torch.channels_last)


def _central(
    images: UInt8[Tensor, "b h w c"], size: int, framing: Framing
) -> Float[Tensor, "b c {size} {size}"]:
    if images.shape[1:3] == (size, size):
        return images.permute(0, 3, 1, 2).to(torch.float32).div_(255)
    longest = _LONGEST * min(images.shape[1:3])
    images = _middle(images, min(longest, images.shape[1]), min(longest, images.shape[2]))
    height, width = images.shape[1:3]
    short = min(height, width)
    whole = framing == "whole"
    side = size if whole or size <= LARGE_VIEW else round(size * 256 / 224)
    colours = images.permute(0, 3, 1, 2).to(torch.float32)
    interpolation: Interpolation = "bicubic" if whole else "bilinear"
    colours = resize(colours, side * height // short, side * width // short, interpolation)
    return _middle(colours.permute(0, 2, 3, 1), size, size).permute(0, 3, 1, 2).div(255).clamp_(0, 1)


def _middle(
    images: Shaped[Tensor, "b _ _ c"], height: int, width: int
) -> Shaped[Tensor, "b {height} {width} c"]:
    top, left = round((images.shape[1] - height) / 2), round((images.shape[2] - width) / 2)
    return images[:, top : top + height, left : left + width]
