"""Renders a table of parameters on a batch of images, with batched tensor operations."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.core.batch import View
from twofold.core.source import Pixels
from twofold.views.ops.geometry import resize_each, resize_together
from twofold.views.parameters import Effect, ViewTable

DENSE_SIDE = 64
"""Images and views of one size up to this side are resized by dense matrices."""

_CHUNK = 1 << 20
"""About how many values are rendered at a time, so that they stay in the processor's cache."""


def render(images: Pixels, table: ViewTable) -> View:
    """One view of each image.

    Args:
        images: Colours in 0 to 255.
        table: What was drawn for each of them.

    Returns:
        Pixels in float32 in channels-last order, frames and tags, on the device of the images.
    """
    device = images[0].device
    pixels = changed(lambda rows: _cropped(images[rows], table.rows(rows)), table, table.effects, device)
    tag = table.tag()
    return View(pixels, table.frame().to(device), None if tag is None else tag.to(device))


@torch.no_grad()
def changed(
    cropped: Callable[[slice], Float[Tensor, "_ c side side"]],
    table: ViewTable,
    effects: tuple[Effect, ...],
    device: torch.device,
) -> Float[Tensor, "b *p k y x"]:
    """Views after operations, some rows at a time, in channels-last order.

    Args:
        cropped: Gives the views of some rows before the operations, which it may not need any more.
        table: What was drawn for all rows.
        effects: Those of the table that are left to do.
        device: Where the views are.
    """
    parts = _chunks(len(table), 3 * table.side**2)
    # Inside a mixed-precision region, matrix products would round the colours to 8 bits of mantissa.
    with torch.autocast(device.type, enabled=False):
        done = (_after(cropped(rows), [effect.rows(rows) for effect in effects]) for rows in parts)
        return _joined(done, len(table))


def _chunks(total: int, values: int) -> Iterator[slice]:
    step = max(1, _CHUNK // values)
    return (slice(start, start + step) for start in range(0, total, step))


def _joined(chunks: Iterator[Float[Tensor, "_ *p c h w"]], total: int) -> Float[Tensor, "b *p c h w"]:
    """All chunks in one tensor, in channels-last order: the first one tells the shape."""
    pixels, start = torch.empty(0), 0
    for chunk in chunks:
        if not start:
            *patches, channels, height, width = chunk.shape[1:]
            shape = (total * np.prod(patches, dtype=int), channels, height, width)
            empty = torch.empty(shape, device=chunk.device, memory_format=torch.channels_last)
            pixels = empty.unflatten(0, (total, *patches)) if patches else empty
        pixels[start : start + len(chunk)] = chunk
        start += len(chunk)
    return pixels


def _after(pixels: Float[Tensor, "b c side side"], effects: Iterable[Effect]) -> Float[Tensor, "b *p k y x"]:
    for effect in effects:
        pixels = _changed(pixels, effect)
    return pixels


def _cropped(images: Pixels, table: ViewTable) -> Float[Tensor, "b c side side"]:
    device = images[0].device
    boxes, flip = torch.from_numpy(table.boxes).to(device), torch.from_numpy(table.flip).to(device)
    bilinear = table.interpolation == "bilinear"
    if bilinear and isinstance(images, Tensor) and max(*images.shape[1:3], table.side) <= DENSE_SIDE:
        return resize_together(images, boxes, flip, table.side)
    return resize_each(list(images), boxes, flip, table.side, table.interpolation)


def _changed(pixels: Float[Tensor, "b *p c h w"], effect: Effect) -> Float[Tensor, "b *q k y x"]:
    """The view after the operation, which is done to the chosen images or patches."""
    leading = effect.chosen.shape
    rows = effect.chosen.reshape(-1).nonzero()[0]
    if not len(rows):
        return pixels
    drawn = {
        name: _to_tensor(values.reshape(-1, *values.shape[len(leading) :])[rows]).to(pixels.device)
        for name, values in effect.values.items()
    }
    flat = pixels.flatten(0, len(leading) - 1)
    if len(rows) == len(flat):
        changed = effect.operation.apply(flat, **drawn)
    else:
        where = torch.from_numpy(rows).to(pixels.device)
        changed = flat.index_copy_(0, where, effect.operation.apply(flat.index_select(0, where), **drawn))
    return changed.unflatten(0, leading) if len(leading) > 1 else changed


def _to_tensor(values: Shaped[np.ndarray, "n ..."]) -> Shaped[Tensor, "n ..."]:
    tensor = torch.from_numpy(values)
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
