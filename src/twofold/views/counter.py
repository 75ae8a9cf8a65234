"""Random numbers that are looked up, not drawn.

Each number is a pure function of (seed, epoch, view, item, patch, slot, component): it does not depend on
how items are split into batches, on who computes it, or on what was drawn before. That is what makes
resumed runs exact, and runs whose recipes differ in one operation comparable in all others.
"""

from functools import lru_cache
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEP = 2.0**-53

_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


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

    def __len__(self) -> int:
        return len(self._states)

    def only(self, rows: Int[np.ndarray, " n"]) -> "Counter":
        """The same numbers for some of the items."""
        some = object.__new__(Counter)
        some._where, some._states = self._where, self._states[rows]
        return some

    def patches(self, count: int) -> "Counter":
        """Numbers of each of ``count`` patches of each item, the patches of the first item first."""
        inner = object.__new__(Counter)
        inner._where = f"{self._where}/patch"
        steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        inner._states = _mix(self._states[:, None] + steps).ravel()
        return inner

    def uniform(self, slot: str, component: int | range = 0) -> Float[np.ndarray, "*a b"]:
        """Uniform in [0, 1) with 53 random bits, one number an item.

        Args:
            slot: What the number is for: ``crop.area``, ``blur.sigma`` ...
            component: Tells numbers of one slot apart; several are a row of numbers each.
        """
        if isinstance(component, range):
            keys = np.array([_key(self._where, slot, each) for each in component], dtype=np.uint64)
            return _unit(_mix(self._states + keys[:, None]))
        return _unit(_mix(self._states + _key(self._where, slot, component)))

    def between(
        self, low: float, high: float, slot: str, component: int | range = 0
    ) -> Float[np.ndarray, "*a b"]:
        """Uniform in [low, high)."""
        return low + (high - low) * self.uniform(slot, component)

    def many(self, slot: str, count: int) -> Float[np.ndarray, "b {count}"]:
        """Uniform in [0, 1), ``count`` numbers an item."""
        steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        return _unit(_mix(_mix(self._states + _key(self._where, slot, 0))[:, None] + steps))

    def below(self, count: int, slot: str, component: int = 0) -> Int[np.ndarray, " b"]:
        """Whole numbers from 0 to ``count - 1``, equally likely."""
        return (count * self.uniform(slot, component)).astype(np.int64)

    def sign(self, slot: str, component: int = 0) -> Float[np.ndarray, " b"]:
        """-1 or 1."""
        return 2.0 * self.below(2, slot, component) - 1

    def normal(self, slot: str, component: int = 0) -> Float[np.ndarray, " b"]:
        """Standard normal, by the method of Box and Muller."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(slot, component)))
        angle = 2 * np.pi * self.uniform(f"{slot}.angle", component)
        drawn: Float[np.ndarray, " b"] = radius * np.cos(angle)
        return drawn


@lru_cache(maxsize=1024)  # asked for again with every batch of an epoch
def _key(where: str, slot: str, component: int) -> np.uint64:
    name = f"{where}/{slot}/{component}".encode()
    return np.uint64(int.from_bytes(blake2b(name, digest_size=8).digest(), "little"))


def _unit(bits: UInt64[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return (bits >> np.uint64(11)).astype(np.float64) * _STEP


def _mix(state: UInt64[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """Finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection that spreads every bit."""
    mixed: UInt64[np.ndarray, "*n"] = state ^ (state >> _30)
    mixed *= _FIRST
    mixed ^= mixed >> _27
    mixed *= _SECOND
    mixed ^= mixed >> _31
    return mixed
