"""Clusters of all items: a memory of embeddings, k-means over it, and each item's cluster."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.core.precision import cast_up

_AT_ONCE = 4096
"""Rows that are compared with all centroids at a time: a million rows' scores would not fit in memory."""


class Clusters(nn.Module):
    """Several clusterings of the same items, equal on all processes and kept in checkpoints.

    Each item has an embedding in every memory. What a step adds is staged while the loss is computed and
    written after it. Clustering ``c`` reads memory ``c % memories``. Until the first k-means prototypes are
    random and items are dealt out in turn.

    Args:
        items: Number of items.
        width: Length of an embedding.
        memories: Number of embeddings kept of an item, one for each of several views.
        clusterings: How many clusterings are made.
        count: Clusters of each.

    Attributes:
        prototypes: Centroids of unit length; no gradient ever moves them.
        assigned: The cluster of each item.
    """

    memory: Float[Tensor, "memories items width"]
    prototypes: Float[Tensor, "clusterings count width"]
    assigned: Int[Tensor, "clusterings items"]

    def __init__(self, items: int, width: int, *, memories: int, clusterings: int, count: int) -> None:
        super().__init__()
        self.register_buffer("memory", torch.zeros(memories, items, width))
        self.register_buffer("prototypes", F.normalize(torch.randn(clusterings, count, width), dim=-1))
        self.register_buffer("assigned", torch.arange(items).remainder(count).repeat(clusterings, 1))
        self._staged: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def remember(self, items: Int[Tensor, " n"], z: Float[Tensor, "memories n width"]) -> None:
        """Replaces the embeddings of some items; the same on all processes."""
        self.memory[:, items] = F.normalize(cast_up(z), dim=-1).to(self.memory)

    @torch.no_grad()
    def stage(self, items: Int[Tensor, " b"], z: Float[Tensor, "memories b width"]) -> None:
        """Takes note of this process's part of a batch, and of the others'."""
        numbers = dist.gather(items.double()).long()  # exact up to 2 ** 53
        self._staged = numbers, dist.gather(z.detach().transpose(0, 1)).transpose(0, 1)

    def write(self) -> None:
        """Puts what was staged into the memories."""
        if self._staged is not None:
            self.remember(*self._staged)
            self._staged = None

    @torch.no_grad()
    def find(self, iterations: int, seed: int) -> None:
        """Makes all clusterings anew; every process does the whole work.

        Raises:
            UsageError: If there are fewer items than clusters.
        """
        for c, (prototypes, assigned) in enumerate(zip(self.prototypes, self.assigned, strict=True)):
            random = torch.Generator().manual_seed(seed * len(self.prototypes) + c)
            memory = self.memory[c % len(self.memory)]
            centroids, clusters = spherical_kmeans(memory, len(prototypes), iterations, random)
            prototypes.copy_(centroids)
            assigned.copy_(clusters)
        dist.equalise(self)  # processors of two makes would not round alike


@torch.no_grad()
def spherical_kmeans(
    x: Float[Tensor, "n d"], count: int, iterations: int, random: torch.Generator
) -> tuple[Float[Tensor, "count d"], Int[Tensor, " n"]]:
    """k-means by cosine: the same input and generator give the same bits.

    It starts from random rows. A cluster that loses all its rows keeps its centroid, and may win rows again.

    Args:
        x: Rows of unit length.
        count: Number of clusters.
        iterations: How often the centroids move.
        random: Draws the rows that it starts from.

    Returns:
        Centroids of unit length, and the centroid with the largest cosine to each row.

    Raises:
        UsageError: If there are fewer rows than clusters.

    Reference:
        Dhillon & Modha, Machine Learning 2001; as in the code of Caron et al., NeurIPS 2020,
        arXiv:2006.09882.
    """
    if len(x) < count:
        raise UsageError(f"{len(x)} images do not make {count} clusters: give --prototypes {len(x)} or less")
    centroids = x[torch.randperm(len(x), generator=random)[:count].to(x.device)]
    nearest = _nearest(x, centroids)
    for _ in range(iterations):
        # rows in the order of their clusters: sums that are added up by many threads at once, as
        # ``index_add_`` does on a GPU, differ from time to time
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.segment_reduce(x[nearest.argsort(stable=True)], "sum", lengths=sizes)
        some = sums.norm(dim=1, keepdim=True) > 0
        centroids = torch.where(some, F.normalize(sums), centroids)
        nearest = _nearest(x, centroids)
    return centroids, nearest


def _nearest(x: Float[Tensor, "n d"], centroids: Float[Tensor, "k d"]) -> Int[Tensor, " n"]:
    return torch.cat([(rows @ centroids.T).argmax(dim=1) for rows in x.split(_AT_ONCE)])
