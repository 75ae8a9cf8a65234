"""Sets of permutations that are far from each other."""

import math
from functools import cache

import numpy as np
from jaxtyping import Int

from twofold.core.errors import TwofoldError
from twofold.views.counter import Counter

_CANDIDATES = 64


@cache
def permutation_set(length: int, count: int) -> Int[np.ndarray, "count length"]:
    """Permutations of ``length`` patches, the same ones always, no two alike.

    Noroozi & Favaro want the average Hamming distance of all pairs to be as large as can be. It is
    largest where each patch comes to each place equally often. So permutations are taken in rounds of
    ``length``: one, and its shifts by 1 to ``length - 1``, which differ from it in every place. Of 64
    random candidates for a round, the one farthest from its nearest predecessor is taken.

    Args:
        length: Patches of a view.
        count: Size of the set.

    Raises:
        TwofoldError: If there are not so many.

    Reference:
        Noroozi & Favaro, ECCV 2016 (1603.09246), section 4.2.
    """
    if not 1 <= count <= math.factorial(length):
        raise TwofoldError(
            f"{length} patches have {math.factorial(length)} permutations: a set of {count} cannot be made"
        )
    shifts = np.arange(length, dtype=np.int64)[:, None]
    chosen = np.empty((0, length), dtype=np.int64)
    for round_ in range(1_000_000):
        if len(chosen) >= count:
            break
        numbers = Counter(0, 0, 0, np.arange(_CANDIDATES)).many(f"permutations.{round_}", length)
        candidates = numbers.argsort(axis=1)
        apart = _to_nearest(candidates, chosen)
        if apart.max() > 0:
            chosen = np.concatenate([chosen, (candidates[apart.argmax()] + shifts) % length])
    chosen = chosen[:count]
    chosen.setflags(write=False)
    return chosen


def _to_nearest(
    candidates: Int[np.ndarray, "n length"], chosen: Int[np.ndarray, "m length"]
) -> Int[np.ndarray, " n"]:
    """Hamming distance to the nearest of the chosen."""
    nearest = np.full(len(candidates), candidates.shape[1])
    for row, candidate in enumerate(candidates.astype(np.int8)):
        if len(chosen):
            nearest[row] = (chosen != candidate).sum(axis=1).min()
    return nearest
