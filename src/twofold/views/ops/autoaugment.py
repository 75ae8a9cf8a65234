"""AutoAugment: policies that were found by search."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from twofold.views.counter import Counter
from twofold.views.ops.randaugment import KINDS, Turn, in_turns, told

POLICIES = {
    "imagenet": """
        posterize 4 8, rotate 6 9; solarize 6 5, autocontrast 6; equalize 8, equalize 6;
        posterize 6 7, posterize 6 6; equalize 4, solarize 2 4; equalize 4, rotate 8 8;
        solarize 6 3, equalize 6; posterize 8 5, equalize 10; rotate 2 3, solarize 6 8;
        equalize 6, posterize 4 6; rotate 8 8, colour 4 0; rotate 4 9, equalize 6; equalize 0, equalize 8;
        invert 6, equalize 10; colour 6 4, contrast 10 8; rotate 8 8, colour 10 2; colour 8 8, solarize 8 7;
        sharpness 4 7, invert 6; shear_x 6 5, equalize 10; colour 4 0, equalize 6; equalize 4, solarize 2 4;
        solarize 6 5, autocontrast 6; invert 6, equalize 10; colour 6 4, contrast 10 8; equalize 8, equalize 6
    """,
    "cifar10": """
        invert 1, contrast 2 6; rotate 7 2, translate_x 3 9; sharpness 8 1, sharpness 9 3;
        shear_y 5 8, translate_y 7 9; autocontrast 5, equalize 9; shear_y 2 7, posterize 3 7;
        colour 4 3, brightness 6 7; sharpness 3 9, brightness 7 9; equalize 6, equalize 5;
        contrast 6 7, sharpness 6 5; colour 7 7, translate_x 5 8; equalize 3, autocontrast 4;
        translate_y 4 3, sharpness 2 6; brightness 9 6, colour 2 8; solarize 5 2, invert 0;
        equalize 2, autocontrast 6; equalize 2, equalize 6; colour 9 9, equalize 6;
        autocontrast 8, solarize 2 8; brightness 1 3, colour 7 0; solarize 4 5, autocontrast 9;
        translate_y 9 9, translate_y 7 9; autocontrast 9, solarize 8 3; equalize 8, invert 1;
        translate_y 7 9, autocontrast 9
    """,
}
"""25 pairs of operations each: the name, its probability in tenths and, where it has one, its magnitude."""


@dataclass(frozen=True)
class AutoAugment:
    """One of 25 pairs of operations, equally likely, each operation with a probability of its own.

    The operations are those of ``RandAugment`` at the level ``l``, a tenth of the magnitude, but for
    posterise, which keeps ``4 + floor(4 l)`` bits. As the ranges stand in the paper, a higher magnitude
    posterises and solarises less.

    Args:
        policy: For which data it was found: ``imagenet`` or ``cifar10``.
        p: Share of the images.

    Reference:
        Cubuk et al., CVPR 2019 (1805.09501), tables 6, 7 and 9.
    """

    policy: Literal["imagenet", "cifar10"] = "imagenet"
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``kind`` (-1: none), ``amount``, ``step`` (its move) and ``cubic`` of each of the two."""
        pair = counter.below(len(_table(self.policy)), "autoaugment.pair")
        return told([self._turn(counter, pair, turn) for turn in range(2)], side)

    def _turn(self, counter: Counter, pair: Int[np.ndarray, " n"], turn: int) -> Turn:
        kind, share, level = _table(self.policy)[pair, turn].T
        kind = np.where(counter.uniform("autoaugment.share", turn) < share, kind, -1).astype(np.int64)
        signed = level * counter.sign("autoaugment.sign", turn)
        return kind, level, signed, counter.uniform("autoaugment.cubic", turn) < 0.5

    def apply(
        self,
        images: Float[Tensor, "n c h w"],
        *,
        kind: Int[Tensor, "n 2"],
        amount: Float[Tensor, "n 2"],
        step: Float[Tensor, "n 2 2 3"],
        cubic: Bool[Tensor, "n 2"],
        move: Float[Tensor, "n 2 3"],
    ) -> Float[Tensor, "n c h w"]:
        """See ``in_turns`` of ``RandAugment``."""
        return in_turns(images, kind, amount, step, cubic)


@cache
def _table(policy: str) -> Float[np.ndarray, "25 2 3"]:
    """Kind, probability and level of both operations of each pair."""

    def row(text: str) -> tuple[int, float, float]:
        name, share, *magnitude = text.split()
        level = float(magnitude[0]) / 10 if magnitude else 0.0
        return KINDS.index(name), int(share) / 10, level + (name == "posterize")  # floor(4 (1 + l)) bits

    return np.array([[row(text) for text in pair.split(",")] for pair in POLICIES[policy].split(";")])
