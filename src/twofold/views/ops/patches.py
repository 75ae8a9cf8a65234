"""A view cut into a grid of patches."""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.views.counter import Counter
from twofold.views.ops.permutations import permutation_set


class Pixels(NamedTuple):
    """A grid in whole pixels: the side of a patch, from patch to patch, most jitter, and the margin."""

    side: int
    step: int
    jitter: int
    margin: int


@dataclass(frozen=True)
class Patches:
    """A view is cut into ``grid x grid`` square patches, row by row: ``View.pixels`` is ``b p c h w``.

    All lengths are shares of the view's side, rounded to pixels. The grid lies in the middle of the view.
    Every patch is moved down and to the right, by whole pixels, each from 0 to ``jitter`` equally likely.
    Operations that come after it draw for each patch.

    Args:
        grid: Patches along each side.
        side: Of a patch: 64 / 255 is 64 pixels of a view of 255.
        gap: Between neighbours, before the jitter; negative where they overlap.
        jitter: Most by which a patch is moved along each axis.
        permutations: 0 leaves the patches in their order. Otherwise their order is one of a set of so many
            permutations, and its number is the view's tag. "all" draws among all permutations; the tag
            is then the order: at each place, the number of the patch that came there.

    Raises:
        TwofoldError: If the grid does not fit into the view.

    Reference:
        Doersch et al., ICCV 2015 (1505.05192); Noroozi & Favaro, ECCV 2016 (1603.09246); van den Oord et
        al., 2018 (1807.03748).
    """

    p: ClassVar[float] = 1.0

    grid: int = 3
    side: float = 64 / 255
    gap: float = 21 / 255
    jitter: float = 21 / 255
    permutations: int | Literal["all"] = 0

    def __post_init__(self) -> None:
        extent = self.grid * self.side + (self.grid - 1) * self.gap + self.jitter
        if self.grid < 1 or self.side <= 0 or self.jitter < 0 or extent > 1 + 1e-6:
            raise TwofoldError(
                f"{self.grid} patches of {self.side:g} with gaps of {self.gap:g} and a jitter of "
                f"{self.jitter:g} do not fit into a view: they take {extent:g} of its side"
            )

    @property
    def count(self) -> int:
        """Patches of a view."""
        return self.grid**2

    def pixels(self, side: int) -> Pixels:
        """The grid in a view of this side; what rounding adds is taken from gaps and jitter."""
        patch = min(max(1, round(self.side * side)), side)
        step = patch + round(self.gap * side)
        if self.grid > 1:
            step = min(step, (side - patch) // (self.grid - 1))
        room = side - patch - (self.grid - 1) * step
        jitter = min(round(self.jitter * side), room)
        return Pixels(patch, step, jitter, (room - jitter) // 2)

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``place``: top and left of each patch, in the order in which they are returned."""
        pixels = self.pixels(side)
        corners = pixels.margin + pixels.step * np.stack(np.divmod(np.arange(self.count), self.grid), axis=1)
        moved = np.stack([counter.many(f"patches.{axis}", self.count) for axis in ("top", "left")], axis=2)
        place = corners + ((pixels.jitter + 1) * moved).astype(np.int64)
        values = {}
        if self.permutations:
            order, tag = self._orders(counter)
            place, values["tag"] = np.take_along_axis(place, order[:, :, None], axis=1), tag
        move = np.tile(np.eye(2, 3), (*place.shape[:2], 1, 1))
        move[..., 2] = place[..., ::-1]
        return {"place": place, "move": move, **values}

    def _orders(self, counter: Counter) -> tuple[Int[np.ndarray, "n p"], Shaped[np.ndarray, "n ..."]]:
        if self.permutations == "all":
            order = counter.many("patches.order", self.count).argsort(axis=1)
            return order, order
        tag = counter.below(self.permutations, "patches.permutation")
        return permutation_set(self.count, self.permutations)[tag], tag

    def apply(
        self,
        images: Float[Tensor, "n c s s"],
        place: Int[Tensor, "n p 2"],
        move: Float[Tensor, "n p 2 3"],
        tag: Int[Tensor, "n ..."] | None = None,
    ) -> Float[Tensor, "n p c h w"]:
        """Copies the patches."""
        side = self.pixels(images.shape[-1]).side
        along = torch.arange(side, device=images.device)
        rows = place[:, :, 0, None, None, None] + along[:, None]
        columns = place[:, :, 1, None, None, None] + along
        image = torch.arange(len(images), device=images.device)[:, None, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
        return images[image, channel, rows, columns]
