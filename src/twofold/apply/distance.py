"""How far an image is from what a classifier was fitted on."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.metrics.knn import neighbours

NEAREST = 5
"""Training images whose mean cosine makes the distance."""

MOST_KEPT = 10_000
"""Training images that are kept; of more, a random choice."""

FAR = 99.0
"""Percentile above which an image counts as far from the training data."""


class Distance(nn.Module):
    """Distances to the training images among the features, and what is usual among them.

    The distance is 1 minus the mean cosine to the five nearest training images: 0 is one that is seen
    again. What is usual differs from encoder to encoder, so each distance has a percentile: the share of
    labelled images, held out from training, that were nearer.

    Args:
        features: Of training images.
        usual: Distances of held-out images.
    """

    features: Tensor
    usual: Tensor

    def __init__(self, features: Float[Tensor, "n d"], usual: Float[Tensor, " m"]) -> None:
        super().__init__()
        self.register_buffer("features", features)
        self.register_buffer("usual", usual)

    @classmethod
    def measured(
        cls,
        shipped: Float[Tensor, "n d"],
        fitted: Float[Tensor, "k d"],
        held_out: Float[Tensor, "m d"],
        seed: int,
    ) -> "Distance":
        """From the features of what is shipped, and of what was fitted on and held out for judging."""
        shipped, fitted = _some(shipped, seed), _some(fitted, seed)
        return cls(F.normalize(shipped, dim=1), _to_nearest(held_out, fitted).sort().values)

    def forward(self, h: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        """Distance of each image, in [0, 2]."""
        return _to_nearest(h, self.features)

    def percentile(self, distance: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Share of the held-out images that were nearer, in [0, 100]."""
        nearer = torch.searchsorted(self.usual, distance)
        return 100 * nearer.to(distance.dtype) / len(self.usual)


def _to_nearest(h: Float[Tensor, "b d"], features: Float[Tensor, "n d"]) -> Float[Tensor, " b"]:
    return (1 - neighbours(h, features, NEAREST).similarity.mean(dim=1)).clamp(min=0)


def _some(features: Float[Tensor, "n d"], seed: int) -> Float[Tensor, "k d"]:
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    return features[order[:MOST_KEPT].sort().values]
