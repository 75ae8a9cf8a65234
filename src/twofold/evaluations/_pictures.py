"""Pictures of what figures cannot tell: curves, and images beside each other.

The only user of Pillow's drawing in the evaluations.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

COLOURS = ("#2f5fb3", "#d1632b", "#3c8d40", "#8a4fa3")
"""One a line of a panel; they repeat after the fourth."""

_INK, _FAINT = "#3d444d", "#d9dde2"
_WIDTH, _HEIGHT = 300, 190
_LEFT, _TOP, _BOTTOM, _RIGHT = 52, 30, 50, 12
_INSET = 18
_THUMBNAIL = 32
_FINE = 4
"""Charts are drawn so many times as large and then reduced to twice their size, so that lines are smooth."""


@dataclass(frozen=True)
class Panel:
    """One chart.

    Args:
        title: Above it.
        lines: By name, the points of each, from left to right.
        across: What the horizontal axis is.
        places: Marks of the horizontal axis, by place.
        levels: Marks of the vertical axis, by height; the lowest and the highest are its ends.
        thumbnails: Small pictures under the marks of the horizontal axis, one each; may be empty.
    """

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    across: str
    places: Mapping[float, str]
    levels: Mapping[float, str]
    thumbnails: Sequence[Image.Image] = ()


def charts(panels: Sequence[Panel], columns: int) -> bytes:
    """Panels in rows, as PNG."""
    height = _HEIGHT + (_THUMBNAIL + 8 if any(panel.thumbnails for panel in panels) else 0)
    columns = min(columns, len(panels))
    size = (columns * _WIDTH * _FINE, math.ceil(len(panels) / columns) * height * _FINE)
    picture = Image.new("RGB", size, "white")
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        picture.paste(_drawn(panel, height), (column * _WIDTH * _FINE, row * height * _FINE))
    return png(picture.reduce(_FINE // 2))


def beside_each_other(rows: Sequence[Float[Tensor, "_ _ _ _"]], cell: int = 128, gap: int = 4) -> bytes:
    """Images of [0, 1] in rows, each fitted to a cell with its pixels visible, as PNG."""
    across = max(map(len, rows))
    size = (across * (cell + gap) + gap, len(rows) * (cell + gap) + gap)
    picture = Image.new("RGB", size, "white")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            picture.paste(
                _fitted(to_picture(image), cell), (gap + column * (cell + gap), gap + row * (cell + gap))
            )
    return png(picture)


def to_picture(image: Float[Tensor, "c h w"]) -> Image.Image:
    """An image of [0, 1]; gray ones, too."""
    levels = (image.detach().cpu().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(np.ascontiguousarray(levels.expand(3, -1, -1).permute(1, 2, 0).numpy()))


def png(picture: Image.Image) -> bytes:
    """The file."""
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return file.getvalue()


def _drawn(panel: Panel, height: int) -> Image.Image:
    picture = Image.new("RGB", (_WIDTH * _FINE, height * _FINE), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12 * _FINE)
    least, most = min(panel.places), max(panel.places)
    lowest, highest = min(panel.levels), max(panel.levels)

    def at(x: float, y: float) -> tuple[float, float]:
        """Where a point of the chart is."""
        along = (x - least) / (most - least) if most > least else 0.5
        right = _LEFT + _INSET + (_WIDTH - _LEFT - _RIGHT - 2 * _INSET) * along
        down = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (highest - y) / (highest - lowest)
        return right * _FINE, down * _FINE

    def write(where: tuple[float, float], text: str, anchor: str, colour: str = _INK) -> None:
        draw.text(where, text, fill=colour, font=font, anchor=anchor)

    left, right = _LEFT * _FINE, (_WIDTH - _RIGHT) * _FINE
    write((left, 8 * _FINE), panel.title, "lt")
    for level, text in panel.levels.items():
        down = at(least, level)[1]
        draw.line([(left, down), (right, down)], fill=_FAINT, width=_FINE)
        write((left - 8 * _FINE, down), text, "rm")
    for place, text in panel.places.items():
        across, down = at(place, lowest)
        write((across, down + 8 * _FINE), text, "mt")
    write(((left + right) / 2, (_HEIGHT - 24) * _FINE), panel.across, "mt")
    for number, (name, points) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        draw.line([at(*point) for point in points], fill=colour, width=2 * _FINE, joint="curve")
        if len(points) <= len(panel.places):
            for point in points:
                draw.circle(at(*point), 3 * _FINE, fill=colour)
        if len(panel.lines) > 1:
            write((right, (_TOP + 4 + 16 * number) * _FINE), name, "rt", colour)
    side = _THUMBNAIL * _FINE
    for place, small in zip(panel.places, panel.thumbnails, strict=False):
        corner = (round(at(place, lowest)[0] - side / 2), (_HEIGHT - 6) * _FINE)
        picture.paste(_fitted(small, side), corner)
    return picture


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """Of that side; small pictures keep their pixels visible."""
    small = max(picture.size) < side
    return picture.resize((side, side), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)
