"""From anything that is an image to what an encoder takes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor, nn

from twofold.core.errors import TwofoldError
from twofold.data.decode import RangeWanted, Settings, decode
from twofold.data.listing import Content
from twofold.data.picture import BrokenImage
from twofold.evaluations._features import as_channels
from twofold.views.evaluation import evaluation_view

Picture: TypeAlias = str | Path | Image.Image | np.ndarray | Tensor
"""One image: a file, a PIL image, or an array or tensor ``h w`` or ``h w c``."""

_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_CLEAR = {"PA": "RGBA", "RGBa": "RGBA", "La": "LA"}
"""Modes of transparent images, and what PNG has for them."""


class Transform(nn.Module):
    """Makes images of any kind into what one encoder takes: the view on which it is judged.

    Files, PIL images and arrays go through the decoder that also makes a data set's store, so that a
    vector does not depend on the way by which an image came.

    Args:
        size: Side of the view in pixels.
        channels: 1 or 3: gray images are repeated, colours are weighted to gray.
        settings: How images are decoded.
    """

    def __init__(self, size: int, channels: int, settings: Settings) -> None:
        super().__init__()
        self.size = size
        self.channels = channels
        self.settings = settings

    def forward(self, images: Picture | Sequence[Picture]) -> Float[Tensor, "*b c h w"]:
        """The view of one image, or of a batch.

        Args:
            images: One image; or several as a list, or as an array or tensor ``b h w c`` of uint8.

        Raises:
            TwofoldError: If something is no image that can be read.
        """
        if isinstance(images, str | Path | Image.Image):
            return self._one(images)
        if isinstance(images, np.ndarray | Tensor) and images.ndim <= 3:
            return self._one(images)
        return torch.stack([self._one(image) for image in images])

    def pixels(self, content: Content, option: str = "--range {}") -> UInt8[Tensor, "h w c"]:
        """Decodes one image file's bytes, or an array ``h w`` or ``h w c``.

        Args:
            content: The bytes, or the array.
            option: How the user gives the value range that is missing.

        Raises:
            BrokenImage: If this is no usable image; the message is the reason.
        """
        decoded = decode(content, self.settings)
        if isinstance(decoded, RangeWanted):
            low, high = decoded.extent
            raise BrokenImage(
                "it has more than 8 bits a channel: say which values become black and white "
                f"(in this image they go from {low:g} to {high:g}: {option.format(f'{low:g}:{high:g}')})"
            )
        return torch.from_numpy(np.require(decoded.pixels, requirements="W"))

    def view(self, pixels: UInt8[Tensor, "h w c"]) -> Float[Tensor, "c2 h2 w2"]:
        """The view of decoded pixels, with as many channels as the encoder takes."""
        return as_channels(evaluation_view([pixels], self.size), self.channels)[0]

    def _one(self, image: Picture) -> Float[Tensor, "c h w"]:
        try:
            return self.view(self.pixels(_content(image), 'twofold.load(..., value_range="{}")'))
        except BrokenImage as reason:
            name = f"{image}" if isinstance(image, str | Path) else f"this {type(image).__name__}"
            raise TwofoldError(f"{name} is no image that can be read: {reason}") from None


def _content(image: Picture) -> Content:
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise TwofoldError(f"cannot read {image}: {error.strerror}") from None
    if isinstance(image, Image.Image):
        return _as_file(image)
    values = image.numpy(force=True) if isinstance(image, Tensor) else image
    if values.dtype != np.uint8:
        raise TwofoldError(f"an array of pixels has to be uint8, from 0 to 255, not {values.dtype}")
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4):
        raise TwofoldError(
            f"an array of pixels has its channels last, h w c, not the shape {tuple(values.shape)}; "
            "a batch of gray images is b h w 1"
        )
    return values


def _as_file(image: Image.Image) -> bytes:
    """Upright and without loss, transparency and depth included, as the decoder takes it."""
    image = ImageOps.exif_transpose(image)
    file = io.BytesIO()
    if image.mode == "F":
        image.save(file, "TIFF", compression="raw")
    elif image.mode.startswith("I"):
        image.convert("I").save(file, "TIFF", compression="raw")
    else:
        if image.mode not in _PNG_MODES:
            image = image.convert(_CLEAR.get(image.mode, "RGB"))
        image.save(file, "PNG", compress_level=1)
    return file.getvalue()
