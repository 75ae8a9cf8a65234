"""k nearest neighbours by coarse products of all, and fine ones of the candidates: as exact, in less time."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from jaxtyping import BFloat16, Bool, Float, Int
from torch import Tensor

from twofold.core.threads import one_thread
from twofold.metrics.largest import largest_halves

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
    rows are alike. What these can amount to is added, so that a product is the most that a cosine can be; and
    what the k-th is about is taken off, for small numbers have small roundings. All of it is one product of
    matrices. Half more than ``k`` rows are candidates, and their cosines are found in float32. Where the k-th
    of these is above the product of the worst candidate, it is certain that no other row is nearer.

    Args:
        queries: Of unit length, float32, on the CPU.
        bank: Float32, of any length.
        k: How many, at most ``n``.
        at_once: Queries at once, of each thread.
        block: Rows of the bank at once.
    """
    wanted = min(k + max(_SPARE, k // 2), len(bank))
    length = torch.linalg.vector_norm(bank, dim=1).clamp_min(1e-12)
    mean = (1 / length) @ bank / len(bank)
    same = queries @ mean
    about = _about(queries, bank, length, k) - same
    parts = queries.split(at_once)
    asked = [_of_queries(part - mean, some) for part, some in zip(parts, about.split(at_once), strict=True)]
    found = [_Candidates.none(len(part)) for part in parts]
    room = at_once * min(block, len(bank))
    kept: list[Tensor] = []  # fresh memory for each product would take a third of its time

    def better(number: int) -> None:
        space = kept.pop() if kept else queries.new_empty(room, dtype=torch.bfloat16)
        part = asked[number]
        with one_thread():
            product = torch.mm(part, rows.T, out=space[: len(part) * len(rows)].view(-1, len(rows)))
            found[number] = found[number].or_better(product, start, wanted)
        kept.append(space)

    def cosines(number: int) -> Tensor:
        with one_thread():
            return _cosines(parts[number], bank, length, found[number].row)

    numbers = range(len(parts))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for start in range(0, len(bank), block):
            rows = _of_bank(bank[start : start + block], length[start : start + block], mean)
            list(pool.map(better, numbers))
        similarity, place = torch.cat([*pool.map(cosines, numbers)]).topk(k, dim=1)
    row = torch.cat([some.row for some in found]).gather(1, place)
    worst = torch.cat([some.product.amin(dim=1).float() for some in found])
    certain = similarity[:, -1] >= worst + _ROUNDING * worst.abs() + about + same
    return Found(similarity, row, certain | (wanted == len(bank)))


def _about(
    queries: Float[Tensor, "q d"], bank: Float[Tensor, "n d"], length: Float[Tensor, " n"], k: int
) -> Float[Tensor, " q"]:
    """What the k-th cosine of each query is about, by a few rows from all over the bank."""
    step = -(-len(bank) // _IN_CACHE)
    some = bank[::step] / length[::step, None]
    return (queries @ some.T).topk(-(-k // step), dim=1).values[:, -1]


def _of_queries(vectors: Float[Tensor, "q d"], about: Float[Tensor, " q"]) -> BFloat16[Tensor, "q w"]:
    """What ``_of_bank`` has a number for in each place."""
    halves, size, lost = _halved(vectors)
    ones = torch.ones(len(vectors), 3)
    return _side_by_side(halves, ones, -_summands(about), _above(lost), _above(size + lost))


def _of_bank(
    bank: Float[Tensor, "n d"], length: Float[Tensor, " n"], mean: Float[Tensor, " d"]
) -> BFloat16[Tensor, "n w"]:
    of_sums = 2.0**-23 * bank.shape[1]
    parts = []
    for some, long in zip(bank.split(_IN_CACHE), length.split(_IN_CACHE), strict=True):
        vectors = some / long[:, None] - mean
        halves, size, lost = _halved(vectors)
        ones = torch.ones(len(some), 3)
        bounds = _above(size), _above(lost + of_sums * size)
        parts.append(_side_by_side(halves, _summands(vectors @ mean), ones, *bounds))
    return torch.cat(parts)


def _halved(
    vectors: Float[Tensor, "n d"],
) -> tuple[BFloat16[Tensor, "n d"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The vectors in bfloat16, their length, and that of what they lose."""
    halves = vectors.bfloat16()
    size, lost = (torch.linalg.vector_norm(each, dim=1) for each in (vectors, vectors - halves))
    return halves, size, lost


def _summands(number: Float[Tensor, " n"]) -> BFloat16[Tensor, "n 3"]:
    """Three that make up each number: the products of all with 1 lose nothing of it."""
    first = number.bfloat16()
    second = (number - first).bfloat16()
    return torch.stack([first, second, (number - first - second).bfloat16()], dim=1)


def _above(number: Float[Tensor, " n"]) -> BFloat16[Tensor, "n 1"]:
    """No smaller numbers."""
    return (number * (1 + 2 * _ROUNDING)).bfloat16()[:, None]


def _side_by_side(*parts: Tensor) -> BFloat16[Tensor, "n w"]:
    """With zeros behind, up to a width that is fast."""
    width = sum(part.shape[1] for part in parts)
    joined = torch.zeros(len(parts[0]), -(-width // _WIDTH) * _WIDTH, dtype=torch.bfloat16)
    torch.cat([part.bfloat16() for part in parts], dim=1, out=joined[:, :width])
    return joined


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
        value, place = largest_halves(product, min(wanted, product.shape[1]))
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
