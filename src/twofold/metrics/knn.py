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
    k, parts = min(k, len(bank)), functional.normalize(queries, dim=1).split(_QUERIES)
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


def largest(values: Float[Tensor, "q n"], k: int) -> tuple[Float[Tensor, "q {k}"], Int[Tensor, "q {k}"]]:
    """``values.topk(k)`` in a fraction of its time; of equal values any.

    The ``k`` largest of a row lie in the ``k`` groups with the largest maxima: all other groups are done
    with after one look.

    Args:
        values: Rows to look through.
        k: How many, at most ``n``.
    """
    count = values.shape[1]
    size = int((count / max(1, k)) ** 0.5)  # as much work among the maxima as in their groups
    groups = count // max(1, size)
    if groups < k or 2 * (groups + size * k) > count:
        return values.topk(k, dim=1)
    whole = groups * size
    best = values[:, :whole].unflatten(1, (size, groups)).amax(dim=1).topk(k, dim=1, sorted=False).indices
    member = torch.arange(0, whole, groups, device=values.device)
    column = (best[:, None] + member[:, None]).flatten(1)
    rest = torch.arange(whole, count, device=values.device).expand(len(values), -1)
    column = torch.cat([column, rest], dim=1)
    value, place = values.gather(1, column).topk(k, dim=1)
    return value, column.gather(1, place)


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
