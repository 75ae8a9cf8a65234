"""k-means by Lloyd's algorithm, from k-means++ starts."""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.errors import TwofoldError
from twofold.core.precision import full_precision

_DISTANCES = 2**22
"""Distances that are computed at a time."""

_MOST_ROUNDS = 300
_ENOUGH = 1e-5
"""It ends where a round takes less than this share off the sum of squared distances."""

_SOME, _SOME_A_CENTRE = 4096, 32
"""Rows on which starts are compared."""


class Clustering(NamedTuple):
    """Centres, and the sum of the squared distances of all rows to their nearest centre."""

    centres: Float[Tensor, "k d"]
    inertia: float


@full_precision
@torch.no_grad()
def kmeans(x: Float[Tensor, "n d"], count: int, *, starts: int, random: np.random.Generator) -> Clustering:
    """Centres of all rows, from the best of several starts. One that loses all its rows stays where it is.

    Of many rows, a few thousand that are drawn at random bring each start to its end, and only the tightest
    of these clusterings goes on with all of them.

    Args:
        x: Rows.
        count: Number of centres.
        starts: How often it begins anew.
        random: Draws the starts.

    Raises:
        TwofoldError: If there are fewer rows.

    Reference:
        Lloyd, IEEE Transactions on Information Theory 1982; Arthur & Vassilvitskii, SODA 2007.
    """
    if len(x) < count:
        raise TwofoldError(
            f"{len(x)} vectors do not make {count} clusters: ask for fewer, or give more images"
        )
    most = max(_SOME, _SOME_A_CENTRE * count)
    some = x if len(x) <= most else x[torch.from_numpy(random.permutation(len(x))[:most]).to(x.device)]
    found = (_lloyd(some, _spread_out(some, count, random)) for _ in range(starts))
    best = min(found, key=lambda clustering: clustering.inertia)
    return best if some is x else _lloyd(x, best.centres)


@full_precision
@torch.no_grad()
def nearest(x: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Int[Tensor, " n"]:
    """The nearest centre of each row."""
    return torch.cat([_distances(rows, centres).argmin(1) for rows in x.split(_at_once(len(centres)))])


def _lloyd(x: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Clustering:
    squares = x.double().square().sum()
    before = math.inf
    for _ in range(_MOST_ROUNDS):
        inertia, sums, sizes = squares.clone(), torch.zeros_like(centres), centres.new_zeros(len(centres), 1)
        for rows in x.split(_at_once(len(centres))):
            distance, owner = _distances(rows, centres).min(1)
            members = functional.one_hot(owner, len(centres)).T.to(x.dtype)
            inertia += distance.double().sum()
            sums += members @ rows
            sizes += members.sum(1, keepdim=True)
        if inertia >= (1 - _ENOUGH) * before:
            break
        before = inertia.item()
        centres = torch.where(sizes > 0, sums / sizes, centres)
    return Clustering(centres, max(0.0, inertia.item()))


def _at_once(centres: int) -> int:
    return max(1, _DISTANCES // centres)


def _distances(rows: Float[Tensor, "b d"], centres: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    """Squared, but for the square of the row itself, which is the same for all centres."""
    return torch.addmm(centres.square().sum(1), rows, centres.T, alpha=-2)


def _spread_out(x: Float[Tensor, "n d"], count: int, random: np.random.Generator) -> Float[Tensor, "k d"]:
    """Rows, each drawn in proportion to its squared distance to the nearest row that was drawn before."""
    chosen = [int(random.integers(len(x)))]
    squares = x.square().sum(1)
    apart = torch.full_like(squares, torch.inf)
    while len(chosen) < count:
        distance = squares + _distances(x, x[chosen[-1:]])[:, 0]
        apart = torch.minimum(apart, distance.clamp(min=0))
        upto = apart.double().cumsum(0)
        place = torch.searchsorted(upto, random.random() * upto[-1], right=True)
        chosen.append(min(int(place), len(x) - 1))
    return x[chosen]
