"""The random parameters of one view of a whole batch, as one table.

A table says everything about a view but the pixels, so that each renderer of the same table makes
the same view.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from jaxtyping import Bool, Int, Shaped

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Blur, Crop, Flip, Gray, Jitter, Solarize, ViewSpec
from twofold.views.counter import Counter

CROP_ATTEMPTS = 10

ORDERS = np.array(list(itertools.permutations(range(4))), dtype=np.int64)
"""The 24 orders of brightness (0), contrast (1), saturation (2) and hue (3)."""


Recolouring = Jitter | Gray | Blur | Solarize
"""The operations that leave every pixel where it is."""


@dataclass(frozen=True)
class Effect:
    """An operation on colours, with what was drawn for each image.

    Args:
        operation: What is done.
        chosen: Which images it is done to.
        values: Its parameters by name, for all images, chosen or not.
    """

    operation: Recolouring
    chosen: Bool[np.ndarray, " b"]
    values: Mapping[str, Shaped[np.ndarray, "b ..."]]

    def rows(self, some: slice) -> "Effect":
        """The same for some of the images."""
        values = {name: value[some] for name, value in self.values.items()}
        return Effect(self.operation, self.chosen[some], values)


@dataclass(frozen=True)
class ViewTable:
    """One view of each image of a batch.

    Args:
        side: Height and width of the view in pixels.
        boxes: Top, left, height and width of the crop in pixels of the image.
        flip: Whether the crop is mirrored left to right.
        effects: Operations on colours in their order.
    """

    side: int
    boxes: Int[np.ndarray, "b 4"]
    flip: Bool[np.ndarray, " b"]
    effects: tuple[Effect, ...]

    def __len__(self) -> int:
        return len(self.flip)

    def rows(self, some: slice) -> "ViewTable":
        """The same for some of the images."""
        effects = tuple(effect.rows(some) for effect in self.effects)
        return ViewTable(self.side, self.boxes[some], self.flip[some], effects)


def draw(view: ViewSpec, side: int, sizes: Int[np.ndarray, "b 2"], counter: Counter) -> ViewTable:
    """Draws the parameters of one view.

    Args:
        view: How it is made.
        side: Height and width of the view in pixels.
        sizes: Height and width of each image in pixels.
        counter: The random numbers of this view of these images.

    Raises:
        TwofoldError: If the view has a second crop among its operations.
    """
    flip = np.zeros(len(sizes), dtype=bool)
    effects = []
    for operation in view.operations:
        match operation:
            case Flip():
                flip = counter.uniform("flip") < operation.p
            case Crop():
                raise TwofoldError("a view has one crop, its own: remove Crop from its operations")
            case _:
                effects.append(_effect(operation, counter))
    return ViewTable(side, random_boxes(view.crop, sizes, counter), flip, tuple(effects))


def random_boxes(crop: Crop, sizes: Int[np.ndarray, "b 2"], counter: Counter) -> Int[np.ndarray, "b 4"]:
    """Crops of random area, aspect and place: top, left, height, width in whole pixels.

    Area uniform in ``scale`` times the image's, width / height log-uniform in ``ratio``, sides rounded;
    tried up to ten times until the crop fits. Where none fits: the largest centred crop whose aspect is
    the image's own, clamped to ``ratio``. These are the semantics of torchvision's RandomResizedCrop.

    Reference:
        Szegedy et al., CVPR 2015 (1409.4842), section 6.
    """
    boxes = _central_boxes(crop, sizes)
    log_ratio = math.log(crop.ratio[0]), math.log(crop.ratio[1])
    pending = np.arange(len(sizes))
    for attempt in range(CROP_ATTEMPTS):
        some = counter.only(pending)
        height, width = sizes[pending].T
        area = height * width * some.between(*crop.scale, "crop.area", attempt)
        ratio = np.exp(some.between(*log_ratio, "crop.ratio", attempt))
        tall = np.rint(np.sqrt(area / ratio)).astype(np.int64)
        wide = np.rint(np.sqrt(area * ratio)).astype(np.int64)
        top = np.floor((height - tall + 1) * some.uniform("crop.top", attempt)).astype(np.int64)
        left = np.floor((width - wide + 1) * some.uniform("crop.left", attempt)).astype(np.int64)
        fits = (tall > 0) & (tall <= height) & (wide > 0) & (wide <= width)
        boxes[pending[fits]] = np.stack([top, left, tall, wide], axis=1)[fits]
        pending = pending[~fits]
        if not len(pending):
            break
    return boxes


def _central_boxes(crop: Crop, sizes: Int[np.ndarray, "b 2"]) -> Int[np.ndarray, "b 4"]:
    height, width = sizes.T
    narrowest, widest = crop.ratio
    tall = np.minimum(height, np.rint(width / narrowest)).clip(1).astype(np.int64)
    wide = np.minimum(width, np.rint(height * widest)).clip(1).astype(np.int64)
    return np.stack([(height - tall) // 2, (width - wide) // 2, tall, wide], axis=1)


def _effect(operation: Recolouring, counter: Counter) -> Effect:
    values: dict[str, Shaped[np.ndarray, "b ..."]] = {}
    match operation:
        case Jitter():
            for name in ("brightness", "contrast", "saturation"):
                reach = getattr(operation, name)
                values[name] = counter.between(max(0.0, 1 - reach), 1 + reach, f"jitter.{name}")
            values["hue"] = counter.between(-operation.hue, operation.hue, "jitter.hue")
            values["order"] = ORDERS[(len(ORDERS) * counter.uniform("jitter.order")).astype(np.int64)]
        case Blur():
            values["sigma"] = counter.between(*operation.sigma, "blur.sigma")
        case Gray() | Solarize():
            pass
        case _:
            assert_never(operation)
    slot = f"{type(operation).__name__.lower()}.apply"
    return Effect(operation, counter.uniform(slot) < operation.p, values)
