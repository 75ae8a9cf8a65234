"""A vision transformer whose input side does not learn."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.nn.encoder import Encoder


@torch.no_grad()
def fix_patches(encoder: Encoder) -> None:
    """Freezes the patch embedding as it is, and positions as sines and cosines.

    A network that was trained before keeps the positions that it was trained with.

    In self-supervised training the gradient of the first layer has spikes, which show as dips of
    accuracy; a random patch embedding that never moves has none. Networks without patches stay as they are.

    Reference:
        Chen et al., ICCV 2021, arXiv:2104.02057, sections 4.2 and 5.
    """
    vit = encoder.backbone
    if encoder.patch_embedding is None:
        return
    vit.patch_embed.requires_grad_(False)
    learned = getattr(vit, "pos_embed", None)
    if not isinstance(learned, nn.Parameter):
        return
    learned.requires_grad_(False)
    if encoder.begun:
        return
    side = math.isqrt(learned.shape[1])
    height, width = getattr(vit.patch_embed, "grid_size", (side, side))
    grid = sine_cosine_positions(height, width, learned.shape[-1])
    prefix = learned.shape[1] - len(grid)  # the class token has position 0
    learned.copy_(torch.cat([torch.zeros(prefix, learned.shape[-1]), grid])[None])


def sine_cosine_positions(height: int, width: int, dim: int) -> Float[Tensor, "n dim"]:
    """Sines and cosines of the column, then of the row, of each patch, row by row.

    Args:
        height: Rows of patches.
        width: Columns of patches.
        dim: Length of a position, a multiple of 4; frequencies fall from 1 to about 1 / 10000.

    Reference:
        Vaswani et al., NeurIPS 2017, arXiv:1706.03762, section 3.5, along both axes.
    """
    frequency = 10_000.0 ** -(torch.arange(dim // 4) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (place.flatten()[:, None] * frequency for place in (column, row))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)
