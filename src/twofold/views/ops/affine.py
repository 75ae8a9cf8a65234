"""Rotation by any angle, shear and translation.

A pixel of the changed view takes the colour that the view before has at the place where the pixel's
centre came from: bilinear between the centres of its four neighbours, or bicubic between sixteen (Keys'
cubic with a = -0.75), without antialiasing, clipped to [0, 1]. Outside the view lie pixels of its mean
colour.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from twofold.core.recipe import Interpolation
from twofold.views.counter import Counter


@dataclass(frozen=True)
class Rotate:
    """Rotation about the middle of the view, counter-clockwise by an angle uniform in ``± degrees``.

    Args:
        degrees: Largest angle.
        interpolation: See the head of this file.
        p: Share of the images.
    """

    degrees: float = 30.0
    interpolation: Interpolation = "bilinear"
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Where the pixels come from."""
        angle = np.deg2rad(counter.between(-self.degrees, self.degrees, "rotate.angle"))
        return {"move": moves(side, angle=angle)}

    def apply(
        self, images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """See the head of this file."""
        return warp(images, move, self.interpolation)


@dataclass(frozen=True)
class Shear:
    """Lines stay parallel and are moved along themselves, about the view's top-left corner.

    A pixel at (x, y) comes from (x + a y, y + b x), with ``a`` uniform in ``± x`` and ``b`` in ``± y``.

    Args:
        x: Largest shear of rows.
        y: Largest shear of columns.
        interpolation: See the head of this file.
        p: Share of the images.
    """

    x: float = 0.3
    y: float = 0.0
    interpolation: Interpolation = "bilinear"
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Where the pixels come from."""
        x, y = counter.between(-self.x, self.x, "shear.x"), counter.between(-self.y, self.y, "shear.y")
        return {"move": moves(side, shear_x=x, shear_y=y)}

    def apply(
        self, images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """See the head of this file."""
        return warp(images, move, self.interpolation)


@dataclass(frozen=True)
class Translate:
    """The view is moved by shares of its side, uniform in ``± x`` and ``± y``.

    Args:
        x: Largest move to the left or to the right.
        y: Largest move up or down.
        interpolation: See the head of this file.
        p: Share of the images.
    """

    x: float = 0.45
    y: float = 0.45
    interpolation: Interpolation = "bilinear"
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Where the pixels come from."""
        x = counter.between(-self.x, self.x, "translate.x")
        y = counter.between(-self.y, self.y, "translate.y")
        return {"move": moves(side, right=x, down=y)}

    def apply(
        self, images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """See the head of this file."""
        return warp(images, move, self.interpolation)


def moves(
    side: int,
    *,
    angle: Float[np.ndarray, "*n"] | float = 0.0,
    shear_x: Float[np.ndarray, "*n"] | float = 0.0,
    shear_y: Float[np.ndarray, "*n"] | float = 0.0,
    right: Float[np.ndarray, "*n"] | float = 0.0,
    down: Float[np.ndarray, "*n"] | float = 0.0,
) -> Float[np.ndarray, "*n 2 3"]:
    """Maps from the coordinates of the changed view to those before; what is left out is 0.

    Args:
        side: Of the view in pixels.
        angle: In radians, counter-clockwise about the middle.
        shear_x: What is added to x for each pixel of y.
        shear_y: What is added to y for each pixel of x.
        right: Share of the side.
        down: Share of the side.
    """
    cosine, sine, middle = np.cos(angle), np.sin(angle), side / 2
    entries = np.broadcast_arrays(
        cosine,
        shear_x - sine,
        right * side + middle * (1 - cosine + sine),
        shear_y + sine,
        cosine,
        down * side + middle * (1 - cosine - sine),
    )
    stacked = np.stack(entries, axis=-1)
    return stacked.reshape(*stacked.shape[:-1], 2, 3)


def warp(
    images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"], interpolation: Interpolation
) -> Float[Tensor, "n c h w"]:
    """See the head of this file.

    Args:
        images: In [0, 1].
        move: Affine map from the pixel coordinates of the changed view to those of the view before.
        interpolation: bilinear or bicubic.
    """
    height, width = images.shape[2:]
    y, x = (torch.arange(length, device=images.device) + 0.5 for length in (height, width))
    centres = torch.stack([*torch.meshgrid(x, y, indexing="xy"), x.new_ones(height, width)], dim=-1)
    places = centres.to(images.dtype) @ move.to(images.dtype)[:, None].mT
    grid = places * images.new_tensor([2 / width, 2 / height]) - 1
    fill = images.mean((2, 3), keepdim=True)
    moved = functional.grid_sample(images - fill, grid, mode=interpolation, align_corners=False)
    return moved.add_(fill).clamp_(0, 1)
