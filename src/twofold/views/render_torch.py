"""Renders a table of parameters on a batch of images, with batched tensor operations."""

from collections.abc import Iterator
from typing import assert_never

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.core.batch import View
from twofold.core.recipe import Blur, Gray, Jitter, Solarize
from twofold.core.source import Pixels
from twofold.views.ops.blur import gaussian_blur
from twofold.views.ops.colour import gray, jitter
from twofold.views.ops.geometry import frames, resize_each, resize_together
from twofold.views.ops.solarize import solarize
from twofold.views.parameters import Effect, ViewTable

DENSE_SIDE = 64
"""Images and views of one size up to this side are resized by dense matrices."""

_CHUNK = 1 << 20
"""About how many values are rendered at a time, so that they stay in the processor's cache."""


@torch.no_grad()
def render(images: Pixels, table: ViewTable) -> View:
    """One view of each image.

    Args:
        images: Colours in 0 to 255.
        table: What was drawn for each of them.

    Returns:
        Pixels in float32 in channels-last order, and frames, on the device of the images.
    """
    device, channels = images[0].device, images[0].shape[-1]
    shape = (len(table), channels, table.side, table.side)
    pixels = torch.empty(shape, dtype=torch.float32, device=device, memory_format=torch.channels_last)
    # Inside a mixed-precision region, matrix products would round the colours to 8 bits of mantissa.
    with torch.autocast(device.type, enabled=False):
        for rows in _chunks(len(table), channels * table.side**2):
            some = table.rows(rows)
            colours = _cropped(images[rows], some)
            recolour(colours, some.effects)
            pixels[rows] = colours
    return View(pixels, frames(table.boxes, table.flip, table.side).to(device))


def _chunks(total: int, values: int) -> Iterator[slice]:
    step = max(1, _CHUNK // values)
    return (slice(start, start + step) for start in range(0, total, step))


@torch.no_grad()
def recolour(colours: Float[Tensor, "b c h w"], effects: tuple[Effect, ...]) -> None:
    """Changes views in place, as the effects say in their order."""
    for effect in effects:
        rows = torch.from_numpy(effect.chosen.nonzero()[0]).to(colours.device)
        if len(rows):
            colours.index_copy_(0, rows, _changed(colours.index_select(0, rows), effect))


def _cropped(images: Pixels, table: ViewTable) -> Float[Tensor, "b c side side"]:
    device = images[0].device
    boxes, flip = torch.from_numpy(table.boxes).to(device), torch.from_numpy(table.flip).to(device)
    if isinstance(images, Tensor) and max(*images.shape[1:3], table.side) <= DENSE_SIDE:
        return resize_together(images, boxes, flip, table.side)
    return resize_each(list(images), boxes, flip, table.side)


def _changed(colours: Float[Tensor, "n c h w"], effect: Effect) -> Float[Tensor, "n c h w"]:
    """The chosen images after the operation."""
    drawn = {name: _to_tensor(values[effect.chosen]) for name, values in effect.values.items()}
    drawn = {name: values.to(colours.device) for name, values in drawn.items()}
    match effect.operation:
        case Jitter():
            amounts = [drawn[name] for name in ("brightness", "contrast", "saturation", "hue")]
            return jitter(colours, torch.stack(amounts, dim=1), drawn["order"])
        case Gray():
            return gray(colours)
        case Blur():
            return gaussian_blur(colours, drawn["sigma"])
        case Solarize(threshold=threshold):
            return solarize(colours, threshold)
        case _:
            assert_never(effect.operation)


def _to_tensor(values: Shaped[np.ndarray, "n ..."]) -> Shaped[Tensor, "n ..."]:
    tensor = torch.from_numpy(values)
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
