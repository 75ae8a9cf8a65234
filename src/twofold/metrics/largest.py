"""The largest values of each row."""

import numpy as np
import torch
from jaxtyping import BFloat16, Float, Int, Int16
from torch import Tensor


def largest(
    values: Float[Tensor, "q n"], k: int, *, in_order: bool = True
) -> tuple[Float[Tensor, "q {k}"], Int[Tensor, "q {k}"]]:
    """``values.topk(k)`` in a fraction of its time; of equal values any.

    The ``k`` largest of a row lie in the ``k`` groups with the largest maxima: all other groups are done
    with after one look.

    Args:
        values: Rows to look through.
        k: How many, at most ``n``.
        in_order: Whether the largest comes first; else they come in any order.
    """
    count = values.shape[1]
    size = int((count / max(1, k)) ** 0.5)  # as much work among the maxima as in their groups
    groups = count // max(1, size)
    if groups < k or 2 * (groups + size * k) > count:
        return values.topk(k, dim=1, sorted=in_order)
    whole = groups * size
    grid = values[:, :whole].unflatten(1, (size, groups))
    best = grid.amax(dim=1).topk(k, dim=1, sorted=False).indices
    members = grid.gather(2, best[:, None].expand(-1, size, -1)).flatten(1)
    value, place = torch.cat([members, values[:, whole:]], dim=1).topk(k, dim=1, sorted=in_order)
    member = place.div(k, rounding_mode="floor") * groups + best.gather(1, place % k)
    return value, torch.where(place < size * k, member, place - size * k + whole)


def largest_halves(
    values: BFloat16[Tensor, "q n"], k: int
) -> tuple[BFloat16[Tensor, "q {k}"], Int[Tensor, "q {k}"]]:
    """As ``largest``, in any order, of bfloat16 on the CPU, in half its time.

    The k-th largest of the maxima of groups is a floor: at least ``k`` values reach it, and hardly more. They
    are found by comparing bits, sixteen of which a processor takes for a whole number.

    Args:
        values: Rows to look through; no NaN.
        k: How many, at most ``n``.
    """
    count = values.shape[1]
    size = int((count / max(1, k)) ** 0.5)
    groups = count // max(1, size)
    if groups < k or 2 * (groups + size * k) > count:
        return largest(values, k, in_order=False)
    best = values[:, : groups * size].unflatten(1, (size, groups)).amax(dim=1)
    floor = np.partition(_in_order(_bits(best)), groups - k, axis=1)[:, groups - k]
    columns = _reaching(_bits(values), floor)
    found = np.array([len(row) for row in columns])
    if found.max() > 2 * k:  # values that are equal
        return largest(values, k, in_order=False)
    there = np.arange(found.max()) < found[:, None]
    column = np.zeros(there.shape, dtype=np.int64)
    column[there] = np.concatenate(columns)
    several = torch.from_numpy(column)
    value = values.gather(1, several).masked_fill_(torch.from_numpy(~there), -torch.inf)
    value, place = value.topk(k, dim=1, sorted=False)
    return value, several.gather(1, place)


def _reaching(bits: Int16[np.ndarray, "q n"], floor: Int16[np.ndarray, " q"]) -> list[Int[np.ndarray, " _"]]:
    """Columns of each row whose values are not below its floor."""
    reaches = np.empty(bits.shape[1], dtype=bool)
    columns = []
    for row, least, edge in zip(bits, floor, _in_order(floor), strict=True):
        if least >= 0:
            np.greater_equal(row, least, out=reaches)
        else:  # taken without a sign, bits grow as numbers below 0 fall, and are smaller above 0
            np.less_equal(row.view(np.uint16), edge.view(np.uint16), out=reaches)
        columns.append(np.flatnonzero(reaches))
    return columns


def _bits(values: BFloat16[Tensor, "*shape"]) -> Int16[np.ndarray, "*shape"]:
    bits: np.ndarray = values.view(torch.int16).numpy()
    return bits


def _in_order(bits: Int16[np.ndarray, "*shape"]) -> Int16[np.ndarray, "*shape"]:
    """Whole numbers in the order of the values that have these bits; and back."""
    return np.where(bits < 0, bits ^ 0x7FFF, bits)
