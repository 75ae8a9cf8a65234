"""Colour jitter: brightness, contrast, saturation and hue in a random order."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.views.counter import Counter
from twofold.views.ops.colour import add, brightness, contrast, hue, saturation

ORDERS = np.array(list(itertools.permutations(range(4))), dtype=np.int64)
"""The 24 orders of brightness (0), contrast (1), saturation (2) and hue (3)."""

Step = Callable[[Float[Tensor, "b c h w"], Float[Tensor, " b"]], Float[Tensor, "b c h w"]]

MULTIPLIED: tuple[Step, ...] = (brightness, contrast, saturation, hue)
ADDED: tuple[Step, ...] = (add, contrast, saturation, hue)

_NEUTRAL: dict[Step, float] = {brightness: 1.0, add: 0.0, contrast: 1.0, saturation: 1.0, hue: 0.0}
"""Amounts that change nothing."""


@dataclass(frozen=True)
class Jitter:
    """Brightness, contrast and saturation by a factor in ``1 ± value``, hue by a turn in ``± value``.

    The four are applied in a random order, all of them or (with probability ``1 - p``) none. Factors are
    at least 0. Results are clipped to [0, 1] after each of the four.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    p: float = 0.8

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """The four by name, and ``order``: which of them comes first, second, third, last."""
        factor = counter.between(max(0.0, 1 - self.brightness), 1 + self.brightness, "jitter.brightness")
        return {"brightness": factor, **_others(self, counter)}

    def apply(
        self,
        images: Float[Tensor, "n c h w"],
        *,
        brightness: Float[Tensor, " n"],
        contrast: Float[Tensor, " n"],
        saturation: Float[Tensor, " n"],
        hue: Float[Tensor, " n"],
        order: Int[Tensor, "n 4"],
    ) -> Float[Tensor, "n c h w"]:
        """The four, in the order of each image."""
        return jitter(images, torch.stack([brightness, contrast, saturation, hue], dim=1), order)

    def without_colour(self) -> "Jitter":
        """Brightness and contrast."""
        return dataclasses.replace(self, saturation=0.0, hue=0.0)


@dataclass(frozen=True)
class AdditiveJitter:
    """``Jitter`` as in SimCLR's first version: a number in ``± brightness`` is added to all colours.

    Reference:
        Chen et al., ICML 2020 (2002.05709), the code that was published with it.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    p: float = 0.8

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """As ``Jitter``, from the same random numbers; ``brightness`` is what is added."""
        added = counter.between(-self.brightness, self.brightness, "jitter.brightness")
        return {"brightness": added, **_others(self, counter)}

    def apply(
        self,
        images: Float[Tensor, "n c h w"],
        *,
        brightness: Float[Tensor, " n"],
        contrast: Float[Tensor, " n"],
        saturation: Float[Tensor, " n"],
        hue: Float[Tensor, " n"],
        order: Int[Tensor, "n 4"],
    ) -> Float[Tensor, "n c h w"]:
        """The four, in the order of each image."""
        return jitter(images, torch.stack([brightness, contrast, saturation, hue], dim=1), order, ADDED)

    def without_colour(self) -> "AdditiveJitter":
        """Brightness and contrast."""
        return dataclasses.replace(self, saturation=0.0, hue=0.0)


def _others(of: Jitter | AdditiveJitter, counter: Counter) -> dict[str, Shaped[np.ndarray, "n ..."]]:
    values: dict[str, Shaped[np.ndarray, "n ..."]] = {}
    for name in ("contrast", "saturation"):
        reach = getattr(of, name)
        values[name] = counter.between(max(0.0, 1 - reach), 1 + reach, f"jitter.{name}")
    values["hue"] = counter.between(-of.hue, of.hue, "jitter.hue")
    values["order"] = ORDERS[counter.below(len(ORDERS), "jitter.order")]
    return values


def jitter(
    images: Float[Tensor, "b c h w"],
    amounts: Float[Tensor, "b 4"],
    order: Int[Tensor, "b 4"],
    steps: tuple[Step, ...] = MULTIPLIED,
) -> Float[Tensor, "b c h w"]:
    """Brightness, contrast, saturation and hue, in an order of each image's own.

    Args:
        images: In [0, 1].
        amounts: Three factors and a turn, as the four operations take them.
        order: A permutation of 0 to 3: which of the four comes first, second, third, last.
        steps: The four operations.
    """
    neutral = amounts.new_tensor([_NEUTRAL[step] for step in steps])
    active = (amounts != neutral).any(0).tolist()
    out = torch.empty_like(images)
    for rows in _same_order(order):
        some = images.index_select(0, rows)
        for step in order[rows[0]].tolist():
            if active[step]:
                some = steps[step](some, amounts[rows, step])
        out.index_copy_(0, rows, some)
    return out


def _same_order(order: Int[Tensor, "b 4"]) -> Iterator[Int[Tensor, " n"]]:
    codes = (order * order.new_tensor([64, 16, 4, 1])).sum(1)
    for code in codes.unique():
        yield (codes == code).nonzero()[:, 0]
