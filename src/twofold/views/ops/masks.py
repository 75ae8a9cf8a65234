"""Masks over the patches of a vision transformer: the pixels stay, the mask is the view's tag."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.views.counter import Counter

ATTEMPTS = 10


@dataclass(frozen=True)
class RandomMask:
    """Some of the patches are masked, every choice of so many equally likely.

    The tag is true where a patch is masked: one value for each patch, row by row. An image that is not
    chosen has nothing masked.

    Args:
        ratio: Range of the share of masked patches; its product with their number is rounded down.
        patch: Side of a patch in pixels.
        p: Share of the images.

    Reference:
        He et al., CVPR 2022 (2111.06377); Mishra et al., 2022 (2210.16870).
    """

    ratio: tuple[float, float] = (0.5, 0.5)
    patch: int = 16
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``tag``: the mask."""
        grid = _grid(side, self.patch)
        wanted = _wanted(self.ratio, grid, counter.uniform("randommask.ratio"))
        rank = counter.many("randommask.patches", grid**2).argsort(axis=1).argsort(axis=1)
        return {"tag": (rank < wanted[:, None]).reshape(-1, grid, grid)}

    def apply(self, images: Float[Tensor, "n c h w"], tag: Bool[Tensor, "n g g"]) -> Float[Tensor, "n c h w"]:
        """The images as they are."""
        return images


@dataclass(frozen=True)
class BlockMask:
    """Rectangles of patches are masked until their share is reached.

    One after the other, a rectangle's area is drawn between the least one and what is still missing, its
    height / width log-uniformly, its place uniformly. It must be smaller than the view along both axes,
    and add at least one patch and no more than are missing, or else another is drawn. After ten in a row
    that do not fit, the mask is left as it is. The tag is as in ``RandomMask``.

    Args:
        ratio: Range of the share of masked patches; its product with their number is rounded down.
        aspect: Range of height / width.
        patch: Side of a patch in pixels.
        p: Share of the images.

    Reference:
        Zhou et al., ICLR 2022 (2111.07832), after Bao et al., ICLR 2022 (2106.08254).
    """

    ratio: tuple[float, float] = (0.1, 0.5)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    patch: int = 16
    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``tag``: the mask."""
        grid = _grid(side, self.patch)
        wanted = _wanted(self.ratio, grid, counter.uniform("blockmask.ratio"))
        mask = np.zeros((len(counter), grid, grid), dtype=bool)
        failures = np.zeros(len(counter), dtype=np.int64)
        for attempt in range(ATTEMPTS * grid**2):
            missing = wanted - mask.sum((1, 2))
            rows = np.flatnonzero((missing > 0) & (failures < ATTEMPTS))
            if not len(rows):
                break
            block = self._blocks(counter.only(rows), grid, missing[rows], attempt)
            added = (block & ~mask[rows]).sum((1, 2))
            fits = (added > 0) & (added <= missing[rows])
            mask[rows[fits]] |= block[fits]
            failures[rows] = np.where(fits, 0, failures[rows] + 1)
        return {"tag": mask}

    def _blocks(
        self, counter: Counter, grid: int, missing: Int[np.ndarray, " n"], attempt: int
    ) -> Bool[np.ndarray, "n g g"]:
        """One rectangle an image; empty where it is as large as the view."""
        least = (grid // 3) ** 2
        area = least + (missing - least) * counter.uniform("blockmask.area", attempt)
        flattest, tallest = math.log(self.aspect[0]), math.log(self.aspect[1])
        log_aspect = counter.between(flattest, tallest, "blockmask.aspect", attempt)
        tall = np.rint(np.sqrt(area * np.exp(log_aspect))).astype(np.int64)
        wide = np.rint(np.sqrt(area / np.exp(log_aspect))).astype(np.int64)
        top = np.floor((grid - tall + 1) * counter.uniform("blockmask.top", attempt))
        left = np.floor((grid - wide + 1) * counter.uniform("blockmask.left", attempt))
        small = (tall < grid) & (wide < grid)
        in_rows, in_columns = _between(top, tall, grid), _between(left, wide, grid)
        blocks: Bool[np.ndarray, "n g g"] = in_rows[:, :, None] & in_columns[:, None, :]
        blocks[~small] = False
        return blocks

    def apply(self, images: Float[Tensor, "n c h w"], tag: Bool[Tensor, "n g g"]) -> Float[Tensor, "n c h w"]:
        """The images as they are."""
        return images


def _grid(side: int, patch: int) -> int:
    if side % patch:
        raise TwofoldError(
            f"a view of {side} pixels has no whole number of patches of {patch}: "
            "change the view size or the mask's patch"
        )
    return side // patch


def _wanted(ratio: tuple[float, float], grid: int, share: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    # A hair more, so that a tenth of ten patches is one.
    return np.floor((ratio[0] + (ratio[1] - ratio[0]) * share) * grid**2 + 1e-9).astype(np.int64)


def _between(
    start: Float[np.ndarray, " n"], extent: Int[np.ndarray, " n"], grid: int
) -> Bool[np.ndarray, "n g"]:
    places = np.arange(grid)
    inside: Bool[np.ndarray, "n g"] = (places >= start[:, None]) & (places < (start + extent)[:, None])
    return inside
