"""Colour images of 16 bits a channel, which Pillow cuts down to 8."""

import io
import sys
from typing import Any

import numpy as np
from jaxtyping import UInt16
from PIL import Image

_NATIVE = "L" if sys.byteorder == "little" else "B"
_SWAPPED = {"L": "B", "B": "L"}
_TWO_BYTES = "LA;16B"  # read as four channels of a byte each


def has_deep_colour(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel and colour or alpha (of images that are not loaded yet)."""
    raw = _raw_modes(image)
    return bool(raw) and all(mode == _TWO_BYTES or mode[:-1] in ("RGB;16", "RGBA;16") for mode in raw)


def deep_colour(image: Image.Image, content: bytes, formats: tuple[str, ...]) -> UInt16[np.ndarray, "h w c"]:
    """All 16 bits; ``c`` is 2 (gray and alpha), 3 or 4.

    Pillow unpacks the first byte of each value as it takes it for the higher one. Told that the bytes
    are the other way round, it unpacks the other byte: so the file is decoded once for each.
    """
    mode = _raw_modes(image)[0]
    if mode == _TWO_BYTES:
        pairs = _unpacked(image, "RGBA")
        return _together(pairs[..., 0::2], pairs[..., 1::2])
    order = _SWAPPED[_NATIVE if mode.endswith("N") else mode[-1]]
    with Image.open(io.BytesIO(content), formats=formats) as again:
        low = _unpacked(again, mode[:-1] + order)
    return _together(_unpacked(image, mode), low)


def _together(
    high: UInt16[np.ndarray, "h w c"], low: UInt16[np.ndarray, "h w c"]
) -> UInt16[np.ndarray, "h w c"]:
    values: np.ndarray = high << 8 | low
    return values


def _unpacked(image: Image.Image, mode: str) -> UInt16[np.ndarray, "h w c"]:
    """Pixels, unpacked in a raw mode of Pillow's."""
    tiles = image.tile  # type: ignore[attr-defined]
    image.tile = [_with_mode(tile, mode) for tile in tiles]  # type: ignore[attr-defined]
    image.load()
    return np.asarray(image).astype(np.uint16)


def _raw_modes(image: Image.Image) -> list[str]:
    modes = [mode for tile in getattr(image, "tile", []) for mode in _args(tile)[:1]]
    return [mode for mode in modes if isinstance(mode, str)]


def _with_mode(tile: Any, mode: str) -> Any:
    make = getattr(type(tile), "_make", tuple)  # a named tuple since Pillow 11
    return make((*tile[:3], (mode, *_args(tile)[1:])))


def _args(tile: Any) -> tuple[Any, ...]:
    return tile[3] if isinstance(tile[3], tuple) else (tile[3],)
