"""Random numbers that are looked up, not drawn.

Each number is a pure function of (seed, epoch, view, item, slot, component): it does not depend on
how items are split into batches, on who computes it, or on what was drawn before. That is what makes
resumed runs exact, and runs whose recipes differ in one operation comparable in all others.
"""

from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEP = 2.0**-53


class Counter:
    """The random numbers of one view of some items in one epoch.

    Args:
        seed: Of the run.
        epoch: Counted from 0.
        view: Position of the view in the recipe.
        items: Row of each image in the training data.
    """

    def __init__(self, seed: int, epoch: int, view: int, items: Int[np.ndarray, " b"]) -> None:
        self._where = f"{seed}/{epoch}/{view}"
        self._states = _mix(items.astype(np.uint64) * _GOLDEN)

    def only(self, rows: Int[np.ndarray, " n"]) -> "Counter":
        """The same numbers for some of the items."""
        some = object.__new__(Counter)
        some._where, some._states = self._where, self._states[rows]
        return some

    def uniform(self, slot: str, component: int = 0) -> Float[np.ndarray, " b"]:
        """Uniform in [0, 1) with 53 random bits, one number an item.

        Args:
            slot: What the number is for: ``crop.area``, ``blur.sigma`` ...
            component: Tells numbers of one slot apart.
        """
        name = f"{self._where}/{slot}/{component}".encode()
        key = np.uint64(int.from_bytes(blake2b(name, digest_size=8).digest(), "little"))
        return (_mix(self._states + key) >> np.uint64(11)).astype(np.float64) * _STEP

    def between(self, low: float, high: float, slot: str, component: int = 0) -> Float[np.ndarray, " b"]:
        """Uniform in [low, high)."""
        return low + (high - low) * self.uniform(slot, component)


def _mix(state: UInt64[np.ndarray, " b"]) -> UInt64[np.ndarray, " b"]:
    """Finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection that spreads every bit."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: UInt64[np.ndarray, " b"] = state ^ (state >> np.uint64(31))
    return mixed
