"""k nearest neighbours by cosine: exact, in blocks, within bounded memory.

Weighted voting as in Wu et al., CVPR 2018 (arXiv:1805.01978), section 3.4.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision, multiplies_bf16
from twofold.metrics.coarse import nearest
from twofold.metrics.largest import largest

_QUERIES = 512
_BANK = 65_536
"""Rows compared at once: their similarities take 128 MiB, however large the bank is."""

_FEWEST = 64
"""Queries at once of each of many threads, at least: they share the memory of two."""

_FEW = 4096
"""Rows of a bank for which nothing is gained by candidates."""


class Neighbours(NamedTuple):
    """The nearest rows of a bank, the nearest first."""

    similarity: Float[Tensor, "q k"]
    row: Int[Tensor, "q k"]


@full_precision
@torch.no_grad()
def neighbours(queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int) -> Neighbours:
    """The ``k`` rows of the bank with the largest cosine to each query; all of them where it has fewer.

    Where the processor multiplies bfloat16 in hardware, candidates are found by it, and their cosines in
    float32; queries for which that may have missed a row are compared with all rows in float32.
    """
    k, queries = min(k, len(bank)), functional.normalize(queries, dim=1)
    if not _coarse_pays(queries, bank, k):
        return _by_all(queries, bank, k)
    at_once = max(_FEWEST, 2 * _QUERIES // torch.get_num_threads())
    similarity, row, certain = nearest(queries, bank, k, at_once=at_once, block=_BANK)
    doubtful = (~certain).nonzero()[:, 0]
    if len(doubtful):
        found = _by_all(queries[doubtful], bank, k)
        similarity, row = similarity.index_copy(0, doubtful, found[0]), row.index_copy(0, doubtful, found[1])
    return Neighbours(similarity, row)


def _coarse_pays(queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int) -> bool:
    is_single = queries.device.type == "cpu" and queries.dtype == bank.dtype == torch.float32
    return is_single and len(bank) >= max(_FEW, 16 * k) and len(queries) > 0 and multiplies_bf16()


def _by_all(queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int) -> Neighbours:
    """By the cosines of all rows in full precision."""
    parts = queries.split(_QUERIES)
    kept = queries.new_empty(min(_QUERIES, len(queries)) * min(_BANK, len(bank)))
    found = [_none_yet(part) for part in parts]
    for start in range(0, len(bank), _BANK):
        rows = functional.normalize(bank[start : start + _BANK], dim=1).T
        for number, part in enumerate(parts):
            # fresh memory for every product would cost as much time as a third of the product
            space = kept[: len(part) * rows.shape[1]].view(len(part), -1)
            found[number] = _better(found[number], torch.mm(part, rows, out=space), start, k)
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
    weights = (near.similarity / temperature).softmax(dim=1)  # as the sum says, but for a factor
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


def _none_yet(queries: Float[Tensor, "q d"]) -> Neighbours:
    row = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    return Neighbours(queries.new_empty(len(queries), 0), row)


def _better(best: Neighbours, similarity: Float[Tensor, "q n"], start: int, k: int) -> Neighbours:
    """What is best so far competes with the rows of the bank from ``start`` on."""
    value, place = largest(similarity, min(k, similarity.shape[1]))
    value = torch.cat([best.similarity, value], dim=1)
    row = torch.cat([best.row, place + start], dim=1)
    value, order = value.topk(min(k, value.shape[1]), dim=1)
    return Neighbours(value, row.gather(1, order))
