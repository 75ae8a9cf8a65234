"""RandAugment, as InfoMin uses it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import UsageError
from twofold.core.recipe import Interpolation
from twofold.views.counter import Counter
from twofold.views.ops import colour
from twofold.views.ops.affine import moves, warp
from twofold.views.ops.sharpness import sharpness
from twofold.views.ops.tones import autocontrast, equalize, posterize

KINDS = (
    "autocontrast",
    "equalize",
    "invert",
    "posterize",
    "solarize",
    "solarize_add",
    "colour",
    "contrast",
    "brightness",
    "sharpness",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
_MOVING = KINDS.index("rotate")

Turn: TypeAlias = tuple[
    Int[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"], Bool[np.ndarray, " n"]
]
"""Of each image: kind (-1: none), level, level with its direction, and whether a move is bicubic."""


@dataclass(frozen=True)
class RandAugment:
    """A few of 15 operations, one after the other, each image its own.

    With the level ``l = clip(N(magnitude, noise), 0, 10) / 10``, drawn anew each time: autocontrast;
    equalise; invert; posterise, ``floor(4 l)`` bits kept; solarise from ``floor(256 l) / 255`` on;
    ``floor(110 l) / 255`` added to colours below 128 / 255; saturation, contrast, brightness and sharpness
    by the factor ``0.1 + 1.8 l``; and, in one of both directions: rotate by ``30 l`` degrees, shear rows
    or columns by ``0.3 l``, translate by ``0.45 l`` of the side along either axis. Results are clipped
    to [0, 1]. Those that move pixels interpolate bilinearly or bicubically, equally likely, and fill with
    the view's mean colour, as in ``affine``; the others are those of ``tones``, ``sharpness``, ``colour``.

    Args:
        count: Draws of an operation, with replacement.
        magnitude: 0 to 10.
        noise: Standard deviation of the magnitude.
        share: Probability with which each drawn operation is applied.
        p: Share of the images.

    Reference:
        Cubuk et al., NeurIPS 2020 (1909.13719); Tian et al., NeurIPS 2020 (2005.10243), appendix.
    """

    count: int = 2
    magnitude: float = 10.0
    noise: float = 0.5
    share: float = 0.5
    p: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"RandAugment with count {self.count}: it is 1 or more")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``kind`` (-1: none), ``amount``, ``step`` (its move) and ``cubic`` of each of the draws."""
        return told([self._turn(counter, turn) for turn in range(self.count)], side)

    def _turn(self, counter: Counter, turn: int) -> Turn:
        kind = counter.below(len(KINDS), "randaugment.kind", turn)
        kind = np.where(counter.uniform("randaugment.share", turn) < self.share, kind, -1)
        level = self.magnitude + self.noise * counter.normal("randaugment.level", turn)
        level = level.clip(0, 10) / 10
        signed = level * counter.sign("randaugment.sign", turn)
        return kind, level, signed, counter.uniform("randaugment.cubic", turn) < 0.5

    def apply(
        self,
        images: Float[Tensor, "n c h w"],
        *,
        kind: Int[Tensor, "n k"],
        amount: Float[Tensor, "n k"],
        step: Float[Tensor, "n k 2 3"],
        cubic: Bool[Tensor, "n k"],
        move: Float[Tensor, "n 2 3"],
    ) -> Float[Tensor, "n c h w"]:
        """See ``in_turns``."""
        return in_turns(images, kind, amount, step, cubic)


def told(turns: Sequence[Turn], side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
    """What the operations of each turn are told, and the move that all of them make together.

    Args:
        turns: One after the other.
        side: Of the view in pixels.
    """
    kind, level, signed, cubic = (np.stack(values, axis=1) for values in zip(*turns, strict=True))
    step = _steps(kind, signed, side)
    square = np.tile(np.eye(3), (*kind.shape, 1, 1))
    square[..., :2, :] = step
    whole = np.tile(np.eye(3), (len(kind), 1, 1))
    for turn in range(len(turns)):
        whole = whole @ square[:, turn]
    return {
        "kind": kind,
        "amount": _amounts(kind, level),
        "step": step,
        "cubic": cubic,
        "move": whole[:, :2],
    }


def in_turns(
    images: Float[Tensor, "n c h w"],
    kind: Int[Tensor, "n k"],
    amount: Float[Tensor, "n k"],
    step: Float[Tensor, "n k 2 3"],
    cubic: Bool[Tensor, "n k"],
) -> Float[Tensor, "n c h w"]:
    """Changed by ``k`` operations one after the other; in each turn, the images of one kind together."""
    out = images.clone()
    for turn in range(kind.shape[1]):
        for name, change in CHANGES.items():
            rows = (kind[:, turn] == KINDS.index(name)).nonzero()[:, 0]
            if len(rows):
                out[rows] = change(out[rows], amount[rows, turn])
        for mode, wanted in (("bilinear", False), ("bicubic", True)):
            rows = ((kind[:, turn] >= _MOVING) & (cubic[:, turn] == wanted)).nonzero()[:, 0]
            if len(rows):
                out[rows] = warp(out[rows], step[rows, turn], cast(Interpolation, mode))
    return out


def _amounts(kind: Int[np.ndarray, "n k"], level: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    """What each operation is told; 0 where it is told nothing."""
    amount = np.zeros(kind.shape)
    for name, values in (
        ("posterize", np.floor(4 * level)),
        ("solarize", np.floor(256 * level) / 255),
        ("solarize_add", np.floor(110 * level) / 255),
        *((name, 0.1 + 1.8 * level) for name in ("colour", "contrast", "brightness", "sharpness")),
    ):
        amount = np.where(kind == KINDS.index(name), values, amount)
    return amount


def _steps(
    kind: Int[np.ndarray, "n k"], signed: Float[np.ndarray, "n k"], side: int
) -> Float[np.ndarray, "n k 2 3"]:
    def only(name: str, largest: float) -> Float[np.ndarray, "n k"]:
        return np.where(kind == KINDS.index(name), largest * signed, 0.0)

    return moves(
        side,
        angle=only("rotate", np.deg2rad(30)),
        shear_x=only("shear_x", 0.3),
        shear_y=only("shear_y", 0.3),
        right=only("translate_x", 0.45),
        down=only("translate_y", 0.45),
    )


def _solarize(images: Float[Tensor, "n c h w"], threshold: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    return torch.where(images >= threshold[:, None, None, None], 1 - images, images)


def _solarize_add(images: Float[Tensor, "n c h w"], amount: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    return torch.where(images < 128 / 255, (images + amount[:, None, None, None]).clamp(max=1), images)


def _saturation(images: Float[Tensor, "n c h w"], factor: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    return images if images.shape[1] == 1 else colour.saturation(images, factor)


CHANGES: dict[str, Callable[[Float[Tensor, "n c h w"], Float[Tensor, " n"]], Float[Tensor, "n c h w"]]] = {
    "autocontrast": lambda images, _: autocontrast(images),
    "equalize": lambda images, _: equalize(images),
    "invert": lambda images, _: 1 - images,
    "posterize": lambda images, bits: posterize(images, bits.long()),
    "solarize": _solarize,
    "solarize_add": _solarize_add,
    "colour": _saturation,
    "contrast": colour.contrast,
    "brightness": colour.brightness,
    "sharpness": sharpness,
}
