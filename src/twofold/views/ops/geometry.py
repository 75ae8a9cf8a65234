"""Crops resized to the side of a view, and the frames that lead back.

Resizing is antialiased. Bilinear is a triangle filter on pixel centres, as wide as the larger of an input
and an output pixel, cut at the border of the crop and normalised. Bicubic
is the same with Keys' cubic (a = -0.5), twice as wide. They are what
``torch.nn.functional.interpolate(crop, mode=..., antialias=True)`` computes. Results are divided by 255
and clipped to [0, 1].
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from twofold.core.recipe import Interpolation


def resize_together(
    images: UInt8[Tensor, "b h w c"], boxes: Int[Tensor, "b 4"], flip: Bool[Tensor, " b"], side: int
) -> Float[Tensor, "b c side side"]:
    """Crops of images of one size, by one batched product with dense interpolation matrices.

    The faster way for small images; the work grows with the cube of the side.

    Args:
        images: Colours in 0 to 255.
        boxes: Top, left, height and width in pixels.
        flip: Whether the crop is mirrored left to right.
        side: Of the views in pixels.
    """
    b, height, width, channels = images.shape
    top, left, tall, wide = boxes.unbind(1)
    down = _weights(top, tall, torch.zeros_like(flip), height, side)
    across = _weights(left, wide, flip, width, side)
    planes = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    rows = torch.bmm(planes.view(b, channels * height, width), across.transpose(1, 2))
    return _to_unit(down[:, None] @ rows.view(b, channels, height, side))


def resize_each(
    images: list[UInt8[Tensor, "_ _ c"]],
    boxes: Int[Tensor, "b 4"],
    flip: Bool[Tensor, " b"],
    side: int,
    interpolation: Interpolation = "bilinear",
) -> Float[Tensor, "b c side side"]:
    """Crops of images of any size, one after the other. Arguments as in ``resize_together``."""
    views = []
    for image, box, mirrored in zip(images, boxes.tolist(), flip.tolist(), strict=True):
        top, left, tall, wide = box
        crop = image[top : top + tall, left : left + wide].permute(2, 0, 1)[None]
        colours = crop.to(torch.float32, memory_format=torch.contiguous_format)
        view = resize(colours, side, side, interpolation)
        views.append(view.flip(-1) if mirrored else view)
    return _to_unit(torch.cat(views))


def resize(
    images: Float[Tensor, "b c _ _"], height: int, width: int, interpolation: Interpolation = "bilinear"
) -> Float[Tensor, "b c {height} {width}"]:
    """Whole images to another size."""
    return functional.interpolate(images, (height, width), mode=interpolation, antialias=True)


def frames(boxes: Int[np.ndarray, "b 4"], flip: Bool[np.ndarray, " b"], side: int) -> Float[Tensor, "b 2 3"]:
    """Affine maps from the pixel coordinates of a cropped view to those of the image.

    The origin is the top-left corner of the top-left pixel. A mirrored view has a negative width.
    """
    top, left, tall, wide = boxes.T
    frame = np.zeros((len(boxes), 2, 3), dtype=np.float32)
    frame[:, 0, 0] = np.where(flip, -wide, wide) / side
    frame[:, 0, 2] = np.where(flip, left + wide, left)
    frame[:, 1, 1] = tall / side
    frame[:, 1, 2] = top
    return torch.from_numpy(frame)


def _weights(
    start: Int[Tensor, " b"], extent: Int[Tensor, " b"], flip: Bool[Tensor, " b"], length: int, side: int
) -> Float[Tensor, "b side length"]:
    """How much each of ``length`` pixels of a line counts for each of ``side`` pixels of its crop."""
    device = start.device
    start, extent = start[:, None].float(), extent[:, None].float()
    centres = torch.arange(side, device=device) + 0.5
    centres = torch.where(flip[:, None], side - centres, centres)
    centres = start + centres * (extent / side)
    pixels = torch.arange(length, device=device) + 0.5
    inside = (pixels > start) & (pixels < start + extent)
    reach = (extent / side).clamp(min=1)
    weights = (pixels - centres[:, :, None]).abs_().div_(reach[:, :, None])
    weights = weights.neg_().add_(1).clamp_(min=0).mul_(inside[:, None, :])
    return weights.div_(weights.sum(2, keepdim=True))


def _to_unit(colours: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return colours.div_(255).clamp_(0, 1)
