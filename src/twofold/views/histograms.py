"""Histograms of pixel intensities: the shortcut that colour distortion closes.

Two crops of one photograph have much the same histogram, which tells them from crops of others without a
look at what is in them.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw

from twofold.core.batch import View
from twofold.core.colour_spaces import luma

BINS = 32


class Overlap(NamedTuple):
    """How alike histograms are: the area they share, 1 where they are the same, 0 where they are apart.

    Args:
        same: Mean over all pairs of views of one image.
        other: Mean over views of two images.
    """

    same: float
    other: float


def histograms(view: View) -> Float[np.ndarray, "b bins"] | None:
    """Shares of the pixels by luma, in equal steps from 0 to 1; None where a view is no picture.

    Reference:
        Chen et al., ICML 2020 (2002.05709), figure 6.
    """
    if view.pixels.ndim != 4 or view.pixels.shape[1] not in (1, 3):
        return None
    steps = (luma(view.pixels).flatten(1) * BINS).long().clamp(0, BINS - 1)
    counts = torch.zeros(len(steps), BINS).scatter_add_(1, steps.cpu(), torch.ones(steps.shape))
    return (counts / steps.shape[1]).numpy()


def overlap(views: tuple[View, ...]) -> Overlap | None:
    """Of all views that are pictures; None where there are not two of two images.

    Args:
        views: Of the same images.
    """
    found = [shares for view in views if (shares := histograms(view)) is not None]
    if len(found) < 2 or len(found[0]) < 2:
        return None
    same, other = [], []
    for one, two in combinations(found, 2):
        shared = np.minimum(one[:, None], two[None]).sum(axis=2)
        own = np.eye(len(shared), dtype=bool)
        same.append(shared[own].mean())
        other.append(shared[~own].mean())
    return Overlap(float(np.mean(same)), float(np.mean(other)))


def drawn(shares: list[Float[np.ndarray, " bins"]], colours: list[str], side: int) -> Image.Image:
    """Histograms of the views of one image, one line each, black on the left and white on the right.

    Args:
        shares: Of each view.
        colours: One a view.
        side: Of the picture in pixels.
    """
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, side - 1, side - 1), outline="#cccccc")
    highest = max(values.max() for values in shares)
    for values, colour in zip(shares, colours, strict=True):
        across = (np.arange(BINS) + 0.5) * side / BINS
        up = (side - 2) * (1 - 0.95 * values / highest)
        draw.line([*zip(across.tolist(), up.tolist(), strict=True)], fill=colour, width=2)
    return picture
