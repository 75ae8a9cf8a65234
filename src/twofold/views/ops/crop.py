"""Where a crop is taken, a second crop out of a view, and one out of a view that got a margin."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Crop
from twofold.views.counter import Counter
from twofold.views.ops.geometry import resize

CROP_ATTEMPTS = 10


@dataclass(frozen=True)
class Recrop:
    """Another random resized crop, out of the view and back to its side, with probability ``p``.

    Places as in ``random_boxes``, antialiased bilinear resizing, as for the crop of the view.

    Args:
        p: Share of the images.
        scale: Range of the crop's area as a share of the view's.
        ratio: Range of width / height, drawn log-uniformly.
    """

    p: float = 1.0
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``box``: top, left, height and width in pixels."""
        sizes = np.full((len(counter), 2), side)
        boxes = random_boxes(Crop(self.scale, self.ratio), sizes, counter, "recrop")
        top, left, tall, wide = boxes.T
        move = np.zeros((len(boxes), 2, 3))
        move[:, 0, 0], move[:, 0, 2] = wide / side, left
        move[:, 1, 1], move[:, 1, 2] = tall / side, top
        return {"box": boxes, "move": move}

    def apply(
        self, images: Float[Tensor, "n c h w"], box: Int[Tensor, "n 4"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """Cuts and resizes one image after the other."""
        height, width = images.shape[2:]
        crops = [
            resize(image[None, :, top : top + tall, left : left + wide], height, width)
            for image, (top, left, tall, wide) in zip(images, box.tolist(), strict=True)
        ]
        return torch.cat(crops).clamp_(0, 1)


@dataclass(frozen=True)
class PaddedCrop:
    """A crop of the view's own side out of the view with a black margin, as usual on CIFAR-10.

    All places are equally likely, in whole pixels: no pixel is mixed with another.

    Args:
        margin: Width of the margin as a share of the view's side, to whole pixels (4 of 32).
        p: Share of the images.

    Raises:
        TwofoldError: If the margin is below 0, or wider than the view.
    """

    margin: float = 4 / 32
    p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 1:
            raise TwofoldError(f"the margin of PaddedCrop is a share of the side, 0 to 1, not {self.margin}")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``place``: top and left in pixels, within the margin."""
        places = 2 * round(self.margin * side) + 1
        place = np.stack([counter.below(places, "padded.top"), counter.below(places, "padded.left")], axis=1)
        move = np.tile(np.eye(2, 3), (len(place), 1, 1))
        move[:, :, 2] = place[:, ::-1] - places // 2
        return {"place": place, "move": move}

    def apply(
        self, images: Float[Tensor, "n c h w"], place: Int[Tensor, "n 2"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """Cuts one image after the other."""
        height, width = images.shape[2:]
        margin = round(self.margin * width)
        wide = nn.functional.pad(images, (margin,) * 4)
        crops = [
            image[:, top : top + height, left : left + width]
            for image, (top, left) in zip(wide, place.tolist(), strict=True)
        ]
        return torch.stack(crops)


def random_boxes(
    crop: Crop, sizes: Int[np.ndarray, "b 2"], counter: Counter, slot: str = "crop"
) -> Int[np.ndarray, "b 4"]:
    """Crops of random area, aspect and place: top, left, height, width in whole pixels.

    Area uniform in ``scale`` times the image's, width / height log-uniform in ``ratio``, sides rounded;
    tried up to ten times until the crop fits. Where none fits: the largest centred crop whose aspect is
    the image's own, clamped to ``ratio``. These are the semantics of torchvision's RandomResizedCrop.

    Reference:
        Szegedy et al., CVPR 2015 (1409.4842), section 6.
    """
    boxes = _central_boxes(crop, sizes)
    pending = np.arange(len(sizes))
    for attempts in (range(1), range(1, CROP_ATTEMPTS)):  # most crops fit at once
        tried, fits = _try(crop, sizes[pending], counter.only(pending), slot, attempts)
        found = fits.any(axis=0)
        boxes[pending[found]] = tried[fits.argmax(axis=0), np.arange(len(pending))][found]
        pending = pending[~found]
        if not len(pending):
            break
    return boxes


def _try(
    crop: Crop, sizes: Int[np.ndarray, "n 2"], counter: Counter, slot: str, attempts: range
) -> tuple[Int[np.ndarray, "a n 4"], Bool[np.ndarray, "a n"]]:
    """The boxes of several attempts, and which of them fit."""
    height, width = sizes.T
    area = height * width * counter.between(*crop.scale, f"{slot}.area", attempts)
    lowest, highest = math.log(crop.ratio[0]), math.log(crop.ratio[1])
    ratio = np.exp(counter.between(lowest, highest, f"{slot}.ratio", attempts))
    tall = np.rint(np.sqrt(area / ratio)).astype(np.int64)
    wide = np.rint(np.sqrt(area * ratio)).astype(np.int64)
    top = _place(height - tall, counter.between(*crop.top, f"{slot}.top", attempts))
    left = _place(width - wide, counter.between(*crop.left, f"{slot}.left", attempts))
    fits = (tall > 0) & (tall <= height) & (wide > 0) & (wide <= width)
    return np.stack([top, left, tall, wide], axis=-1), fits


def _place(room: Int[np.ndarray, "a n"], share: Float[np.ndarray, "a n"]) -> Int[np.ndarray, "a n"]:
    """One of the ``room + 1`` places."""
    places: Int[np.ndarray, "a n"] = np.minimum(np.floor((room + 1) * share).astype(np.int64), room)
    return places


def _central_boxes(crop: Crop, sizes: Int[np.ndarray, "b 2"]) -> Int[np.ndarray, "b 4"]:
    height, width = sizes.T
    narrowest, widest = crop.ratio
    tall = np.minimum(height, np.rint(width / narrowest)).clip(1).astype(np.int64)
    wide = np.minimum(width, np.rint(height * widest)).clip(1).astype(np.int64)
    return np.stack([(height - tall) // 2, (width - wide) // 2, tall, wide], axis=1)
