"""From the bytes of an image file to upright pixels of any depth."""

import io
from typing import NamedTuple

import numpy as np
import simplejpeg
from jaxtyping import Shaped
from PIL import Image, UnidentifiedImageError

from twofold.data.deep import deep_colour, has_deep_colour

UNRECOGNISED = "not recognised as an image"
"""Reason for bytes that no decoder takes for its own."""

MORE_PAGES = "+"
"""Ends the name of the format of a file that has more pages or frames than the one that is read."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_MID_GREY = 128
_MAX_PIXELS = 178_956_970  # where Pillow, too, stops calling it a photograph
_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = frozenset({5, 6, 7, 8})  # its values where height and width change places


class BrokenImage(Exception):  # noqa: N818  (no error of the program)
    """These bytes are no usable image; the message is the reason."""


class Picture(NamedTuple):
    """One image as its file has it, upright, without transparency.

    Args:
        values: ``c`` is 1 or 3. uint8, or a wider type whose range only the data set knows.
        size: Height and width in pixels of the upright image in the file; ``values`` may be smaller, where
            JPEG was decoded at a fraction of its size.
        mode: Pillow's name of the file's pixel type: ``RGB``, ``L``, ``P``, ``CMYK``, ``I;16`` ...
        format: Name of the file format, or ``array``; ``TIFF+`` where there are more pages or frames than the
            first, the one that is read.
        bits: Bits of one channel in the file.
    """

    values: Shaped[np.ndarray, "h w c"]
    size: tuple[int, int]
    mode: str
    format: str
    bits: int


def read_picture(content: bytes, short_side: int) -> Picture:
    """Decodes an image file.

    Args:
        content: The file's bytes.
        short_side: What the image will be shrunk to, in pixels; a JPEG of more than four times that is
            decoded at a half, a quarter or an eighth.

    Raises:
        BrokenImage: If these bytes are no image that can be read, or one too large to be honest.
    """
    try:
        if content[:2] == b"\xff\xd8":
            return _fast_jpeg(content, short_side) or _any_format(content)
        return _any_format(content)
    except BrokenImage:
        raise
    except UnidentifiedImageError:
        raise BrokenImage(UNRECOGNISED) from None
    except Exception as error:  # decoders of hostile bytes raise whatever they like
        raise BrokenImage(f"cannot be decoded: {error or type(error).__name__}") from None


def from_array(values: np.ndarray) -> Picture:
    """An image that was held in an array: ``h w`` or ``h w c``, ``c`` being 1, 3 or (uint8, with alpha) 4."""
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.size == 0 or values.shape[2] not in (1, 3, 4):
        raise BrokenImage(f"an array of shape {values.shape} is no image: 1, 3 or 4 channels are read")
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if not (np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)):
        raise BrokenImage(f"an array of {values.dtype} is no image")
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[values.shape[2]]
    size, bits = (values.shape[0], values.shape[1]), values.dtype.itemsize * 8
    if values.shape[2] == 4:
        if values.dtype != np.uint8:
            raise BrokenImage("an array of 4 channels is read only where it is uint8: RGB and alpha")
        values = _over_grey(values, 255)
    return Picture(values, size, mode, "array", bits)


def _fast_jpeg(content: bytes, short_side: int) -> Picture | None:
    """libjpeg-turbo without Pillow; None where this JPEG is not one of the usual kinds."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(content)
        _refuse_bomb(height, width)
        if space not in ("Gray", "YCbCr", "RGB"):
            return None
        enough = 2 * short_side
        values = simplejpeg.decode_jpeg(
            content, "GRAY" if space == "Gray" else "RGB", min_height=enough, min_width=enough, min_factor=2
        )
    except ValueError:
        return None
    orientation = _exif_orientation(content)
    values = _upright(values, orientation)
    size = (width, height) if orientation in _SIDEWAYS else (height, width)
    return Picture(values, size, "L" if space == "Gray" else "RGB", "JPEG", 8)


def _any_format(content: bytes) -> Picture:
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        _refuse_bomb(image.height, image.width)
        mode, kind, bits = image.mode, str(image.format), _bits(image, content)
        if has_deep_colour(image):
            values = deep_colour(image, content, _FORMATS)
            values = values if values.shape[2] == 3 else _over_grey(values, 65_535)
        else:
            values = _values(image)
        values = _upright(values, _orientation(image))
        if _has_more_pages(image):
            kind += MORE_PAGES
    return Picture(values, (values.shape[0], values.shape[1]), mode, kind, bits)


def _values(image: Image.Image) -> Shaped[np.ndarray, "h w c"]:
    image.load()  # here, because what fails inside of np.asarray is lost
    if image.mode in _DEEP_MODES:
        return np.asarray(image)[..., None]
    if image.has_transparency_data:
        return _over_grey(np.asarray(image.convert("RGBA")), 255)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _has_more_pages(image: Image.Image) -> bool:
    """Whether there are more pages or frames than the first; to be asked last, because GIF is read on."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a broken second page of an image whose first is well
        return False


def _over_grey(values: Shaped[np.ndarray, "h w channels_and_alpha"], top: int) -> Shaped[np.ndarray, "h w c"]:
    """Composites over mid-grey; the last channel is alpha, ``top`` its opaque value."""
    alpha = values[..., -1:].astype(np.float32) / top
    grey = np.float32(_MID_GREY / 255 * top)
    mixed: np.ndarray = alpha * values[..., :-1] + (1 - alpha) * grey
    rounded: np.ndarray = np.rint(mixed).astype(values.dtype)
    return rounded


def _bits(image: Image.Image, content: bytes) -> int:
    if image.format == "PNG":
        return content[24]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(258, (1,))))  # type: ignore[attr-defined]
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 16 if image.mode in _DEEP_MODES else 8)


def _refuse_bomb(height: int, width: int) -> None:
    if height * width > _MAX_PIXELS:
        raise BrokenImage(f"refused: {width} x {height} pixels look like a decompression bomb")


def _exif_orientation(content: bytes) -> int:
    """Orientation in a JPEG's first 64 KiB, 1 where there is none."""
    start = content.find(b"Exif\0\0", 0, 1 << 16)
    if start < 0:
        return 1
    exif = Image.Exif()
    try:
        exif.load(content[start : start + (1 << 16)])
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # a broken note on an image that is itself well
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken note on an image that is itself well
        return 1


def _upright(values: Shaped[np.ndarray, "h w c"], orientation: int) -> Shaped[np.ndarray, "h2 w2 c"]:
    """Undoes the camera's rotation (EXIF 2.32, tag 0x0112)."""
    if orientation not in range(2, 9):
        return values
    if orientation in _SIDEWAYS:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)
