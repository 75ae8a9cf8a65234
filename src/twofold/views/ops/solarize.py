"""Solarisation."""

import torch
from jaxtyping import Float
from torch import Tensor


def solarize(images: Float[Tensor, "b c h w"], threshold: float) -> Float[Tensor, "b c h w"]:
    """Values at or above the threshold are inverted: ``1 - value``.

    Args:
        images: In [0, 1].
        threshold: In [0, 1]; 128 / 255 in BYOL.

    Reference:
        Grill et al., NeurIPS 2020 (2006.07733), appendix B.
    """
    return torch.where(images >= threshold, 1 - images, images)
