"""Agreement of cells of two views that look at the same place of an image."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from twofold.core.precision import full_precision


class Cells(NamedTuple):
    """The cells of a view's feature map, measured in the image's height and width.

    Args:
        centre: (x, y) of each cell, row by row; 0 to 1 inside the image.
        diagonal: Diagonal of one cell.
    """

    centre: Float[Tensor, "b n 2"]
    diagonal: Float[Tensor, " b"]


@full_precision
def cells(
    frame: Float[Tensor, "b 2 3"], size: Int[Tensor, "b 2"], view: tuple[int, int], grid: tuple[int, int]
) -> Cells:
    """Where the cells of a feature map lie in the image.

    Args:
        frame: Affine map from view to image coordinates, in pixels.
        size: Height and width of the images in pixels.
        view: Height and width of the view in pixels.
        grid: Rows and columns of the feature map.

    Reference:
        Xie et al., CVPR 2021, arXiv:2011.10043, section 3.1. They divide pixel positions by the
        image's side less one; with continuous coordinates it is the side.
    """
    step = torch.tensor([view[1] / grid[1], view[0] / grid[0]]).to(frame)
    y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    middle = (torch.stack([x, y], dim=-1).reshape(-1, 2).to(frame) + 0.5) * step
    image = size.flip(-1).to(frame)[:, None]
    centre = (middle @ frame[..., :2].mT + frame[:, None, :, 2]) / image
    sides = frame[..., :2].mT * step[:, None] / image
    return Cells(centre, sides.square().sum(dim=(1, 2)).sqrt())


@full_precision
def cell_distances(one: Cells, other: Cells) -> Float[Tensor, "b n m"]:
    """Distance between the cells of two views, in diagonals of the larger cell of the two."""
    largest = torch.maximum(one.diagonal, other.diagonal)
    apart = torch.cdist(one.centre, other.centre, compute_mode="donot_use_mm_for_euclid_dist")
    return apart / largest[:, None, None]


@full_precision
def pixel_propagation(
    x: Float[Tensor, "b d h w"], values: Float[Tensor, "b d h w"], gamma: float
) -> Float[Tensor, "b d h w"]:
    """Each cell as the sum of the values of all cells like it: PixPro's pixel propagation module.

    Args:
        x: Embeddings, which say how alike two cells are: ``max(cos, 0) ** gamma``.
        values: The transformed embeddings; taken at unit length, as in the released code.
        gamma: Sharpness, above 0.

    Returns:
        Smoothed embeddings, neither divided by the sum of likenesses nor of unit length.

    Reference:
        Xie et al., CVPR 2021, arXiv:2011.10043, equation 3.
    """
    unit = F.normalize(x).flatten(2)
    alike = (unit.mT @ unit).clamp(min=0)
    if gamma < 1:
        alike = alike + 1e-6  # the slope of the power is infinite at 0
    return (F.normalize(values).flatten(2) @ alike**gamma).view_as(x)


@full_precision
def pixel_consistency(
    y: Float[Tensor, "b d h w"], keys: Float[Tensor, "b d h w"], positive: Bool[Tensor, "b n n"]
) -> Float[Tensor, ""]:
    """Minus the cosine between the cells of one view and the keys of the other at the same place.

    Args:
        y: Smoothed embeddings of one view.
        keys: Embeddings of the other view; no gradient is cut here.
        positive: Which pairs of cells (of y, of keys) look at the same place.

    Returns:
        Mean over each image's positive pairs, then over images, in [-1, 1]; an image without such a
        pair counts as 0.

    Reference:
        Xie et al., CVPR 2021, arXiv:2011.10043, equation 4.
    """
    cosines = F.normalize(y).flatten(2).mT @ F.normalize(keys).flatten(2)
    total = (cosines * positive).sum(dim=(1, 2))
    return -(total / positive.sum(dim=(1, 2)).clamp(min=1)).mean()
