"""Cutout."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.views.counter import Counter


@dataclass(frozen=True)
class Cutout:
    """A square is painted over with one colour; it may hang over the border of the view.

    Its side is drawn as a share of the view's and rounded to pixels, its middle is any of the view's
    pixels, equally likely.

    Args:
        side: Range of its side.
        fill: The colour, in [0, 1], of all channels.
        p: Share of the images.

    Reference:
        DeVries & Taylor, 2017 (1708.04552).
    """

    side: tuple[float, float] = (0.25, 0.5)
    fill: float = 0.0
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``box``: top, left, bottom and right in pixels; it may begin or end outside."""
        extent = np.rint(side * counter.between(*self.side, "cutout.side")).astype(np.int64)
        top = counter.below(side, "cutout.top") - extent // 2
        left = counter.below(side, "cutout.left") - extent // 2
        return {"box": np.stack([top, left, top + extent, left + extent], axis=1)}

    def apply(self, images: Float[Tensor, "n c h w"], box: Int[Tensor, "n 4"]) -> Float[Tensor, "n c h w"]:
        """The image with its hole."""
        top, left, bottom, right = box[:, :, None].unbind(1)
        rows = torch.arange(images.shape[2], device=images.device)
        columns = torch.arange(images.shape[3], device=images.device)
        in_rows, in_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
        hole = in_rows[:, None, :, None] & in_columns[:, None, None, :]
        return images.masked_fill(hole, self.fill)
