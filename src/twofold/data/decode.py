"""From an image file or array to what the store keeps: uint8 pixels, and what was measured on the way."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from PIL import Image

from twofold.data.listing import Content
from twofold.data.picture import BrokenImage, Picture, from_array, read_picture

_MEASURED_SIDE = 64  # channel statistics of larger images are taken on every k-th pixel


@dataclass(frozen=True)
class Settings:
    """How images are decoded; images decoded with other settings are kept in another store.

    Args:
        short_side: Images with a longer short side, in pixels, are shrunk to it.
        value_range: What becomes 0 and 255 in images of more than 8 bits; None until it is known.
    """

    short_side: int
    value_range: tuple[float, float] | None = None


class Decoded(NamedTuple):
    """One image as it is stored.

    Args:
        pixels: ``c`` is 1 where all channels are equal, else 3.
        size: Height and width in pixels of the upright image in the file.
        mode: Pillow's name of the file's pixel type.
        format: Name of the file format; ``TIFF+`` where there are more pages than the one that was read.
        bits: Bits of one channel in the file.
        extent: Least and greatest value before they were mapped to 8 bits; None for images of 8 bits.
        digest: Hash of shape and pixels.
        mean: Of three channels, in [0, 1].
        square: Mean of the squares of three channels, in [0, 1].
    """

    pixels: UInt8[np.ndarray, "h w c"]
    size: tuple[int, int]
    mode: str
    format: str
    bits: int
    extent: tuple[float, float] | None
    digest: bytes
    mean: tuple[float, ...]
    square: tuple[float, ...]


@dataclass(frozen=True)
class RangeWanted:
    """An image of more than 8 bits, met before the data's value range was known."""

    extent: tuple[float, float]


def decode(content: Content, settings: Settings) -> Decoded | RangeWanted:
    """Decodes, turns upright, shrinks, maps to 8 bits, drops equal channels, measures.

    Raises:
        BrokenImage: If this is no usable image.
    """
    if isinstance(content, bytes):
        picture = read_picture(content, settings.short_side)
    else:
        picture = from_array(content)
    if picture.values.dtype == np.uint8:
        return _measured(_shrunk(picture.values, settings.short_side), picture, None)
    extent = _extent(picture.values)
    if settings.value_range is None:
        return RangeWanted(extent)
    values = _shrunk(picture.values.astype(np.float32), settings.short_side)
    return _measured(_to_8_bits(values, settings.value_range), picture, extent)


def _measured(
    pixels: UInt8[np.ndarray, "h w c"], picture: Picture, extent: tuple[float, float] | None
) -> Decoded:
    pixels = np.ascontiguousarray(_one_channel_if_gray(pixels))
    digest = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    mean, square = _moments(pixels)
    size, mode, kind, bits = picture.size, picture.mode, picture.format, picture.bits
    return Decoded(pixels, size, mode, kind, bits, extent, digest.digest(), mean, square)


def _one_channel_if_gray(pixels: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w c2"]:
    """Gray photographs are often saved as RGB; one channel says the same."""
    few = pixels[::8, ::8]  # most colour images are told apart by a few pixels
    return pixels[..., :1] if _is_gray(few) and _is_gray(pixels) else pixels


def _is_gray(pixels: UInt8[np.ndarray, "h w c"]) -> bool:
    if pixels.shape[2] == 1:
        return True
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return bool((red == green).all() and (green == blue).all())


def _extent(values: Shaped[np.ndarray, "h w c"]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise BrokenImage("no value in it is finite")
    return float(finite.min()), float(finite.max())


def _shrunk(values: Shaped[np.ndarray, "h w c"], short_side: int) -> Shaped[np.ndarray, "h2 w2 c"]:
    height, width, channels = values.shape
    if min(height, width) <= short_side:
        return values
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if values.dtype == np.uint8:
        image = Image.fromarray(values[..., 0] if channels == 1 else values)
        small = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
        return small.reshape(size[1], size[0], channels)
    planes = [Image.fromarray(np.ascontiguousarray(values[..., c])) for c in range(channels)]
    return np.stack([np.asarray(p.resize(size, Image.Resampling.BICUBIC)) for p in planes], axis=-1)


def _to_8_bits(
    values: Float32[np.ndarray, "h w c"], value_range: tuple[float, float]
) -> UInt8[np.ndarray, "h w c"]:
    low, high = value_range
    share = (values - np.float32(low)) / np.float32(max(high - low, 1e-30))
    pixels: np.ndarray = np.rint(np.nan_to_num(share, nan=0.0).clip(0, 1) * 255).astype(np.uint8)
    return pixels


def _moments(pixels: UInt8[np.ndarray, "h w c"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and mean squares of three channels."""
    step = max(1, min(pixels.shape[:2]) // _MEASURED_SIDE)
    values = pixels[::step, ::step].reshape(-1, pixels.shape[2]).T.astype(np.float32, order="C")
    mean = values.sum(axis=1) / (255 * values.shape[1])
    square = np.einsum("cn,cn->c", values, values) / (255**2 * values.shape[1])
    repeats = 3 // pixels.shape[2]
    return tuple(mean.tolist()) * repeats, tuple(square.tolist()) * repeats
