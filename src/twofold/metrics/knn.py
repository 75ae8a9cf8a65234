"""k nearest neighbours by cosine: exact, in blocks, within bounded memory.

Weighted voting as in Wu et al., CVPR 2018 (arXiv:1805.01978), section 3.4.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision

_QUERIES = 512
_BANK = 65_536
"""Rows compared at once: their similarities take 128 MiB, however large the bank is."""


class Neighbours(NamedTuple):
    """The nearest rows of a bank, the nearest first."""

    similarity: Float[Tensor, "q k"]
    row: Int[Tensor, "q k"]


@full_precision
@torch.no_grad()
def neighbours(queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int) -> Neighbours:
    """The ``k`` rows of the bank with the largest cosine to each query; all of them where it has fewer."""
    k = min(k, len(bank))
    bank = functional.normalize(bank, dim=1)
    found = [_nearest(part, bank, k) for part in functional.normalize(queries, dim=1).split(_QUERIES)]
    return Neighbours(*map(torch.cat, zip(*found, strict=True)))


def vote(
    near: Neighbours, labels: Int[Tensor, " n"], classes: int, temperature: float = 0.07
) -> Int[Tensor, " q"]:
    """The class with the largest sum of ``exp(cosine / temperature)`` over the neighbours.

    Args:
        near: Neighbours of each query.
        labels: Class of each row of the bank.
        classes: Number of classes.
        temperature: How much a nearer neighbour counts more.
    """
    weights = ((near.similarity - 1) / temperature).exp()
    votes = weights.new_zeros(len(weights), classes)
    return votes.scatter_add_(1, labels[near.row], weights).argmax(1)


def knn_accuracy(
    bank: Float[Tensor, "n d"],
    bank_labels: Int[Tensor, " n"],
    queries: Float[Tensor, "q d"],
    query_labels: Int[Tensor, " q"],
    *,
    k: int = 200,
    temperature: float = 0.07,
) -> float:
    """Share of the queries that the bank's labels classify rightly."""
    classes = int(torch.maximum(bank_labels.max(), query_labels.max())) + 1
    predictions = vote(neighbours(queries, bank, k), bank_labels, classes, temperature)
    return (predictions == query_labels).double().mean().item()


def _nearest(
    queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int
) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]:
    """Block by block of the bank; what is best so far competes with the next block."""
    similarity = queries.new_empty(len(queries), 0)
    row = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(bank), _BANK):
        block = queries @ bank[start : start + _BANK].T
        best, place = block.topk(min(k, block.shape[1]), dim=1)
        similarity = torch.cat([similarity, best], dim=1)
        row = torch.cat([row, place + start], dim=1)
        similarity, order = similarity.topk(min(k, similarity.shape[1]), dim=1)
        row = row.gather(1, order)
    return similarity, row
