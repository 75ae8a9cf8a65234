"""Random numbers that are looked up, not drawn.

Each number is a pure function of (seed, epoch, view, item, patch, slot, component): it does not depend on
how items are split into batches, on who computes it, or on what was drawn before. That is what makes
resumed runs exact, and runs whose recipes differ in one operation comparable in all others.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEP = 2.0**-53

_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Counter:
    """The random numbers of one view of some items in one epoch, or of several views, one after the other.

    Args:
        seed: Of the run.
        epoch: Counted from 0.
        view: Position of the view in the recipe; of several, all items of the first view come first.
        items: Row of each image in the training data.
    """

    def __init__(
        self, seed: int, epoch: int, view: int | Sequence[int], items: Int[np.ndarray, " i"]
    ) -> None:
        views = [view] if isinstance(view, int) else list(view)
        self._places = tuple(f"{seed}/{epoch}/{each}" for each in views)
        self._place = np.repeat(np.arange(len(views)), len(items))
        self._states = np.tile(_mix(items.astype(np.uint64) * _GOLDEN), len(views))

    def __len__(self) -> int:
        return len(self._states)

    def only(self, rows: Int[np.ndarray, " n"]) -> "Counter":
        """The same numbers for some of the items."""
        return self._like(self._places, self._place[rows], self._states[rows])

    def patches(self, count: int) -> "Counter":
        """Numbers of each of ``count`` patches of each item, the patches of the first item first."""
        steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        states = _mix(self._states[:, None] + steps).ravel()
        places = tuple(f"{place}/patch" for place in self._places)
        return self._like(places, self._place.repeat(count), states)

    def uniform(self, slot: str, component: int | range = 0) -> Float[np.ndarray, "*a b"]:
        """Uniform in [0, 1) with 53 random bits, one number an item.

        Args:
            slot: What the number is for: ``crop.area``, ``blur.sigma`` ...
            component: Tells numbers of one slot apart; several are a row of numbers each.
        """
        return _unit(_mix(self._states + self._keys(slot, component)))

    def between(
        self, low: float, high: float, slot: str, component: int | range = 0
    ) -> Float[np.ndarray, "*a b"]:
        """Uniform in [low, high)."""
        return low + (high - low) * self.uniform(slot, component)

    def many(self, slot: str, count: int) -> Float[np.ndarray, "b {count}"]:
        """Uniform in [0, 1), ``count`` numbers an item."""
        steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        return _unit(_mix(_mix(self._states + self._keys(slot, 0))[:, None] + steps))

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

    def _keys(self, slot: str, component: int | range) -> UInt64[np.ndarray, "*a _"]:
        """Of each item; of all of them, where they are of one view."""
        keys = _key_table(self._places, slot, component)
        return keys if keys.shape[-1] == 1 else keys.take(self._place, axis=-1)

    def _like(
        self, places: tuple[str, ...], place: Int[np.ndarray, " n"], states: UInt64[np.ndarray, " n"]
    ) -> "Counter":
        other = object.__new__(Counter)
        other._places, other._place, other._states = places, place, states
        return other


@lru_cache(maxsize=1024)  # asked for again with every batch of an epoch
def _key_table(places: tuple[str, ...], slot: str, component: int | range) -> UInt64[np.ndarray, "*a v"]:
    if isinstance(component, range):
        return np.stack([_key_table(places, slot, each) for each in component])
    names = [f"{place}/{slot}/{component}".encode() for place in places]
    digests = [blake2b(name, digest_size=8).digest() for name in names]
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)


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
