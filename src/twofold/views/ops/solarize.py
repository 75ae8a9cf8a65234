"""Solarisation."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.views.counter import Counter


@dataclass(frozen=True)
class Solarize:
    """Values at or above ``threshold`` (of 1) are inverted, with probability ``p``."""

    p: float = 0.2
    threshold: float = 128 / 255

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """See ``solarize``."""
        return solarize(images, self.threshold)


def solarize(images: Float[Tensor, "b c h w"], threshold: float) -> Float[Tensor, "b c h w"]:
    """Values at or above the threshold are inverted: ``1 - value``.

    Args:
        images: In [0, 1].
        threshold: In [0, 1]; 128 / 255 in BYOL.

    Reference:
        Grill et al., NeurIPS 2020 (2006.07733), appendix B.
    """
    return torch.where(images >= threshold, 1 - images, images)
