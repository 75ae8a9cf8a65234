"""Changes of images, each as strong as it is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twofold.views.counter import Counter
from twofold.views.ops import colour
from twofold.views.ops.affine import moves, warp
from twofold.views.ops.blur import Blur
from twofold.views.ops.crop import Recrop
from twofold.views.ops.flips import Flip
from twofold.views.ops.noise import GaussianNoise

Apply: TypeAlias = Callable[[Float[Tensor, "n c h w"], float, Counter], Float[Tensor, "n c h w"]]
"""Takes images in [0, 1], a strength, and what draws the rest, as a place; returns images of their size."""

_LEAST_BLURRED = 20
"""``gaussian_blur`` leaves smaller images as they are."""


@dataclass(frozen=True)
class Change:
    """What is done to images.

    Args:
        apply: Does it.
        unit: What the strengths are.
        strengths: From the weakest to the strongest.
    """

    apply: Apply
    unit: str
    strengths: tuple[float, ...]


def changes(channels: int, side: int) -> dict[str, Change]:
    """All that do something to images of so many channels and pixels a side, by name."""
    found = {
        "crop": Change(
            _by(lambda s: Recrop(scale=(s, s))), "share of the area left", (0.8, 0.5, 0.3, 0.15, 0.08)
        ),
        "flip": Change(_by(lambda _: Flip()), "left and right exchanged", (1.0,)),
        "rotation": Change(_rotated, "degrees, either way", (15.0, 30.0, 60.0, 90.0, 180.0)),
        "brightness": Change(
            _either_way(colour.brightness, 1.0), "change of the factor, either way", (0.2, 0.4, 0.6, 0.8)
        ),
        "contrast": Change(
            _either_way(colour.contrast, 1.0), "change of the factor, either way", (0.2, 0.4, 0.6, 0.8)
        ),
        "gray": Change(_grayed, "share of the colour left", (0.75, 0.5, 0.25, 0.0)),
        "hue": Change(_either_way(colour.hue, 0.0), "turn, either way", (0.05, 0.1, 0.2, 0.5)),
        "blur": Change(_by(lambda s: Blur(sigma=(s, s))), "sigma at 224 pixels", (2.0, 4.0, 8.0, 16.0)),
        "noise": Change(
            _by(lambda s: GaussianNoise(sigma=(s, s))), "standard deviation", (0.02, 0.05, 0.1, 0.2)
        ),
    }
    useless = [*(["gray", "hue"] if channels == 1 else []), *(["blur"] if side < _LEAST_BLURRED else [])]
    return {name: change for name, change in found.items() if name not in useless}


def _by(make: Callable[[float], Any]) -> Apply:
    """By an operation of the recipes."""

    def apply(images: Float[Tensor, "n c h w"], strength: float, counter: Counter) -> Tensor:
        operation = make(strength)
        drawn = {
            name: torch.from_numpy(values)
            for name, values in operation.draw(counter, images.shape[-1]).items()
        }
        floats = {
            name: values.float() if values.is_floating_point() else values for name, values in drawn.items()
        }
        changed: Tensor = operation.apply(images, **floats)
        return changed

    return apply


def _either_way(step: Callable[[Tensor, Tensor], Tensor], neutral: float) -> Apply:
    """By an amount that lies above what changes nothing for half of the images, and below for the others."""

    def apply(images: Float[Tensor, "n c h w"], strength: float, counter: Counter) -> Tensor:
        return step(images, torch.from_numpy(neutral + strength * counter.sign("change.sign")).float())

    return apply


def _grayed(images: Float[Tensor, "n c h w"], strength: float, _: Counter) -> Tensor:
    return colour.saturation(images, images.new_full((len(images),), strength))


def _rotated(images: Float[Tensor, "n c h w"], strength: float, counter: Counter) -> Tensor:
    angle = np.deg2rad(strength) * counter.sign("change.sign")
    return warp(images, torch.from_numpy(moves(images.shape[-1], angle=angle)), "bilinear")
