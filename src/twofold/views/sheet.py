"""A contact sheet: what a method really sees.

Together with ``histograms`` the only user of Pillow's drawing in the views.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from twofold.core.batch import Batch, View
from twofold.core.source import Pixels
from twofold.views.histograms import drawn, histograms

CELL = 128
GAP = 8
CAPTION = 22
COLOURS = ("#e6194b", "#0082c8", "#f58231", "#3cb44b", "#911eb4", "#008080", "#f032e6", "#9a6324")
"""One a view, for its box and its caption; they repeat after the eighth."""


def contact_sheet(images: Pixels, batch: Batch, rows: int = 8, crops: Batch | None = None) -> Image.Image:
    """Originals with the crop boxes of all views on the left, the views beside them.

    Args:
        images: What the batch was made of: colours in 0 to 255.
        batch: Its views.
        rows: At most so many images are shown, from the first.
        crops: The same views but for what is done after the crop; with them, two last columns show the
            intensities of all views of an image without and with it.
    """
    rows = min(rows, len(images))
    compared = {} if crops is None else {"crops alone": crops.views, "whole recipe": batch.views}
    width = (1 + len(batch.views) + len(compared)) * (CELL + GAP) + GAP
    sheet = Image.new("RGB", (width, CAPTION + rows * (CELL + GAP) + GAP), "white")
    _write_captions(sheet, batch.views)
    for row in range(rows):
        original = _boxed(images[row], [view.frame[row] for view in batch.views], _sides(batch.views))
        _paste(sheet, original, row, 0)
        for column, view in enumerate(batch.views, start=1):
            _paste(sheet, _fitted(_shown(view, row)), row, column)
    for column, (title, views) in enumerate(compared.items(), start=1 + len(batch.views)):
        _add_histograms(sheet, column, title, views, rows)
    return sheet


def _add_histograms(sheet: Image.Image, column: int, title: str, views: Sequence[View], rows: int) -> None:
    found = {number: shares for number, view in enumerate(views) if (shares := histograms(view)) is not None}
    corner = (GAP + column * (CELL + GAP), 5)
    ImageDraw.Draw(sheet).text(corner, title, fill="black", font=ImageFont.load_default(size=13))
    colours = [_colour(number) for number in found]
    for row in range(rows if found else 0):
        _paste(sheet, drawn([shares[row] for shares in found.values()], colours, CELL), row, column)


def _sides(views: Sequence[View]) -> list[int]:
    return [view.pixels.shape[-1] for view in views]


def _write_captions(sheet: Image.Image, views: Sequence[View]) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    draw.text((GAP, 5), "image", fill="black", font=font)
    sides = _sides(views)
    for position, side in enumerate(sides):
        patches = views[position].pixels.ndim == 5
        kind = "patches" if patches else "view" if side == max(sides) else "local view"
        text = f"{kind} {position + 1}, {side} px"
        corner = (GAP + (position + 1) * (CELL + GAP), 5)
        draw.text(corner, text, fill=_colour(position), font=font)


def _boxed(
    image: UInt8[Tensor, "h w c"], frames: Sequence[Float[Tensor, "*p 2 3"]], sides: Sequence[int]
) -> Image.Image:
    """The image, fitted, with the outline of each view, or of each of its patches.

    An outline that was drawn already is drawn inside itself.
    """
    fitted = _fitted(_to_image(image.cpu().numpy()))
    scale = np.array(fitted.size) / (image.shape[1], image.shape[0])
    draw = ImageDraw.Draw(fitted)
    before: Counter[tuple[int, ...]] = Counter()
    for position, (frame, side) in enumerate(zip(frames, sides, strict=True)):
        corners = np.array([[0, side, side, 0], [0, 0, side, side], [1, 1, 1, 1]])
        for outline in frame.reshape(-1, 2, 3).cpu().numpy() @ corners:
            points = np.minimum((outline.T * scale).round(), np.array(fitted.size) - 1)
            box = (*points.min(0).astype(int).tolist(), *points.max(0).astype(int).tolist())
            points += np.sign(points.mean(0) - points) * 3 * before[box]
            before[box] += 1
            draw.polygon([*map(tuple, points)], outline=_colour(position), width=2)
    return fitted


def _shown(view: View, row: int) -> Image.Image:
    """One view as a picture: patches in a square grid, masked patches darkened."""
    pixels, tag = view.pixels[row], None if view.tag is None else view.tag[row]
    if tag is not None and tag.dtype == torch.bool:
        patch = pixels.shape[-1] // tag.shape[-1]
        hidden = tag.repeat_interleave(patch, 0).repeat_interleave(patch, 1)
        pixels = torch.where(hidden, pixels / 4, pixels)
    if pixels.ndim == 3:
        return _to_image(_to_bytes(pixels))
    gap = max(1, pixels.shape[-1] // 16)
    framed = functional.pad(pixels, (gap, gap, gap, gap), value=1.0)
    across = math.isqrt(len(framed))
    lines = [torch.cat([*line], dim=2) for line in framed.unflatten(0, (across, across))]
    return _to_image(_to_bytes(torch.cat(lines, dim=1)))


def _fitted(image: Image.Image) -> Image.Image:
    """Scaled to the cell: small images keep their pixels visible."""
    scale = CELL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    filter_ = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return image.resize((width, height), filter_)


def _paste(sheet: Image.Image, image: Image.Image, row: int, column: int) -> None:
    left = GAP + column * (CELL + GAP) + (CELL - image.width) // 2
    top = CAPTION + GAP + row * (CELL + GAP) + (CELL - image.height) // 2
    sheet.paste(image, (left, top))


def _to_bytes(pixels: Float[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w c"]:
    return (pixels * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def _to_image(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    """In colour where there are three channels; otherwise each channel in gray, side by side."""
    if pixels.shape[2] != 3:
        pixels = np.repeat(np.concatenate(np.split(pixels, pixels.shape[2], axis=2), axis=1), 3, axis=2)
    return Image.fromarray(pixels)


def _colour(position: int) -> str:
    return COLOURS[position % len(COLOURS)]
