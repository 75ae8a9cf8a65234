"""How little an embedding moves when its image is changed, beside how far apart different images are."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision
from twofold.metrics.intervals import Estimate, mean

_NOTHING = 1e-6
"""Images that are no further apart cannot be told apart."""


@full_precision
@torch.no_grad()
def invariance(original: Float[Tensor, "n d"], changed: Float[Tensor, "n d"]) -> Estimate:
    """``1 - (1 - same) / (1 - other)``: mean cosines of an image and itself changed, and of two images.

    1 where changes leave the embedding where it is; 0 where they take it as far as another image is, below 0
    where further. 0 for a collapsed embedding, too, in which all images lie at one point.

    The interval is by the slopes of the ratio of the two means (the delta method).

    Args:
        original: Embeddings of at least two images.
        changed: Of the same images, changed.
    """
    unit = functional.normalize(original.double(), dim=1)
    moved = 1 - (unit * functional.normalize(changed.double(), dim=1)).sum(dim=1)
    own = unit.square().sum(dim=1)
    apart = 1 - (unit @ unit.sum(dim=0) - own) / (len(unit) - 1)
    reach = apart.mean()
    if reach < _NOTHING:
        return Estimate(0.0, 0.0, 0.0)
    share = moved.mean() / reach
    # an image counts twice in the second mean: by itself, and as the other one of all others
    slopes = (moved - moved.mean() - 2 * share * (apart - reach)) / reach
    value, half = 1 - share.item(), mean(slopes).high
    return Estimate(value, value - half, value + half)
