"""Products of very many rows with very few: as fast as memory is read."""

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK = 1024
"""Rows that stay in a core's cache while they are multiplied."""

_FEW = 32
"""Vectors for which that pays: the sums of chunks, each as large as the result, are held all at once."""


class Rows:
    """Rows that are multiplied again and again with a handful of vectors.

    On processors without AMX, which are taken for those on which the libraries' products of such shapes take
    ten times as long as reading the rows, rows are multiplied in chunks: in less than half the time.

    Args:
        rows: As they are multiplied.
        vectors: How many they will be multiplied with.
    """

    def __init__(self, rows: Float[Tensor, "n d"], vectors: int) -> None:
        whole = len(rows) // _CHUNK * _CHUNK if vectors <= _FEW and _chunks_pay(rows) else 0
        self._chunks = rows[:whole].view(-1, _CHUNK, rows.shape[1])
        self._rest = rows[whole:]

    def times(self, vectors: Float[Tensor, "c d"]) -> Float[Tensor, "c n"]:
        """The product of each vector with each row."""
        rest = vectors @ self._rest.T
        if not len(self._chunks):
            return rest
        several = torch.bmm(vectors.expand(len(self._chunks), -1, -1), self._chunks.mT)
        return torch.cat([several.transpose(0, 1).flatten(1), rest], dim=1)

    def weighted(self, weights: Float[Tensor, "c n"]) -> Float[Tensor, "c d"]:
        """The sums of all rows by each row of weights."""
        whole = weights.shape[1] - len(self._rest)
        rest = weights[:, whole:] @ self._rest
        if not len(self._chunks):
            return rest
        several = weights[:, :whole].unflatten(1, (-1, _CHUNK)).transpose(0, 1)
        return torch.bmm(several, self._chunks).sum(dim=0) + rest


def _chunks_pay(rows: Tensor) -> bool:
    return rows.device.type == "cpu" and rows.is_contiguous() and not torch.cpu._is_amx_tile_supported()
