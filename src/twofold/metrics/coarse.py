"""k nearest neighbours by coarse products of all, and fine ones of the candidates: as exact, in less time."""

import warnings
from typing import NamedTuple

import torch
from jaxtyping import BFloat16, Bool, Float, Int
from torch import Tensor

from twofold.metrics.largest import largest

_ROUNDING = 2.0**-8
"""Of a number to bfloat16, as a share of itself, at most."""

_SPARE = 64
"""Candidates beyond those that are wanted, at least."""

_WIDTH = 32
"""Of what a processor multiplies at once: products of other widths take half as long again."""

_IN_CACHE = 1024
"""Rows that are prepared at once."""


class Found(NamedTuple):
    """The nearest rows of a bank, the nearest first.

    Args:
        similarity: Cosines.
        row: Of the bank.
        certain: Of which queries it is certain that no other row is nearer.
    """

    similarity: Float[Tensor, "q k"]
    row: Int[Tensor, "q k"]
    certain: Bool[Tensor, " q"]


def nearest(
    queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], k: int, *, at_once: int, block: int
) -> Found:
    """The rows with the largest cosine, and of which queries that is certain.

    With the mean ``m`` of the bank's unit rows, the cosine of ``q`` and ``x = m + c`` is
    ``(q - m) c + m c + q m``. The last term is the same for all rows, the second is one number a row, and the
    first, which bfloat16 has to find, is a product of small vectors with small roundings, however much all
    rows are alike. Half more than ``k`` are candidates, and their cosines are found in float32. It is
    certain that no other row is nearer where the k-th of these is above all that the worst candidate could
    be, were every rounding against it.

    Args:
        queries: Of unit length, float32, on the CPU.
        bank: Float32, of any length.
        k: How many, at most ``n``.
        at_once: Queries at once.
        block: Rows of the bank at once.
    """
    wanted = min(k + max(_SPARE, k // 2), len(bank))
    length = torch.linalg.vector_norm(bank, dim=1).clamp_min(1e-12)
    mean = (1 / length) @ bank / len(bank)
    parts = queries.split(at_once)
    asked = [_of_queries(part, mean) for part in parts]
    found = [_Candidates.none(len(part)) for part in parts]
    kept = queries.new_empty(min(at_once, len(queries)) * min(block, len(bank)), dtype=torch.bfloat16)
    longest = lost = queries.new_zeros(())
    for start in range(0, len(bank), block):
        rows = _of_bank(bank[start : start + block], length[start : start + block], mean)
        longest, lost = torch.maximum(longest, rows.length.max()), torch.maximum(lost, rows.lost.max())
        for number, part in enumerate(asked):
            # fresh memory for every product would cost as much time as a third of the product
            space = kept[: len(part.halves) * len(rows.halves)].view(-1, len(rows.halves))
            product = torch.mm(part.halves, rows.halves.T, out=space)
            found[number] = found[number].or_better(product, start, wanted)
    cosines = [_cosines(part, bank, length, some.row) for part, some in zip(parts, found, strict=True)]
    similarity, place = torch.cat(cosines).topk(k, dim=1)
    row = torch.cat([some.row for some in found]).gather(1, place)
    worst = torch.cat([some.product.amin(dim=1).float() for some in found])
    whole = _joined(asked)
    of_halves = whole.lost * longest + (whole.length + whole.lost) * lost + _ROUNDING * worst.abs()
    of_sums = 2.0**-23 * (bank.shape[1] + 3) * whole.length * longest
    certain = similarity[:, -1] >= worst + queries @ mean + of_halves + of_sums
    return Found(similarity, row, certain | (wanted == len(bank)))


class _Coarse(NamedTuple):
    """Vectors in bfloat16, and what became of them.

    Args:
        halves: The vectors, the three summands of a number for each, and zeros up to a width that is fast.
        length: Of the vectors.
        lost: Length of what was lost of them.
    """

    halves: BFloat16[Tensor, "n w"]
    length: Float[Tensor, " n"]
    lost: Float[Tensor, " n"]


def _of_queries(queries: Float[Tensor, "q d"], mean: Float[Tensor, " d"]) -> _Coarse:
    vectors = queries - mean
    return _coarse(vectors, vectors.new_ones(len(vectors), 3))


def _of_bank(bank: Float[Tensor, "n d"], length: Float[Tensor, " n"], mean: Float[Tensor, " d"]) -> _Coarse:
    parts = []
    for some, long in zip(bank.split(_IN_CACHE), length.split(_IN_CACHE), strict=True):
        vectors = some / long[:, None] - mean
        number = vectors @ mean
        first = number.bfloat16()
        second = (number - first).bfloat16()
        third = (number - first - second).bfloat16()
        parts.append(_coarse(vectors, torch.stack([first, second, third], dim=1)))
    return _joined(parts)


def _coarse(vectors: Float[Tensor, "n d"], number: Tensor) -> _Coarse:
    width = vectors.shape[1]
    used = width + number.shape[1]
    halves = torch.zeros(len(vectors), -(-used // _WIDTH) * _WIDTH, dtype=torch.bfloat16)
    halves[:, :width] = vectors
    halves[:, width:used] = number
    length, lost = (torch.linalg.vector_norm(v, dim=1) for v in (vectors, vectors - halves[:, :width]))
    return _Coarse(halves, length, lost)


def _joined(parts: list[_Coarse]) -> _Coarse:
    return _Coarse(*map(torch.cat, zip(*parts, strict=True)))


class _Candidates(NamedTuple):
    """Rows of the bank that may be among the nearest, in any order, and what their coarse products are."""

    product: BFloat16[Tensor, "q c"]
    row: Int[Tensor, "q c"]

    @classmethod
    def none(cls, queries: int) -> "_Candidates":
        """For so many queries."""
        return cls(torch.empty(queries, 0, dtype=torch.bfloat16), torch.empty(queries, 0, dtype=torch.int64))

    def or_better(self, product: BFloat16[Tensor, "q n"], start: int, wanted: int) -> "_Candidates":
        """These compete with the rows of the bank from ``start`` on."""
        value, place = largest(product, min(wanted, product.shape[1]), in_order=False)
        if not self.row.shape[1]:
            return _Candidates(value, place + start)
        value, row = torch.cat([self.product, value], dim=1), torch.cat([self.row, place + start], dim=1)
        value, order = value.topk(min(wanted, value.shape[1]), dim=1, sorted=False)
        return _Candidates(value, row.gather(1, order))


def _cosines(
    queries: Float[Tensor, "q d"],
    bank: Float[Tensor, "n d"],
    length: Float[Tensor, " n"],
    row: Int[Tensor, "q c"],
) -> Float[Tensor, "q c"]:
    """Of each query and its own rows: those entries of the product that a sparse matrix has."""
    count, each = row.shape
    ends, zeros = torch.arange(0, count * each + 1, each), queries.new_zeros(count * each)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        entries = torch.sparse_csr_tensor(
            ends, row.flatten(), zeros, (count, len(bank)), check_invariants=False
        )
    products: Tensor = torch.sparse.sampled_addmm(entries, queries, bank.T, beta=0.0).values()
    return products.view(count, each) / length[row]
