"""95% intervals of shares, and of means over repeats."""

import math
from collections.abc import Sequence
from typing import NamedTuple

Z = 1.959964
"""97.5th percentile of the normal distribution."""


class Estimate(NamedTuple):
    """A figure and its 95% interval."""

    value: float
    low: float
    high: float


def wilson(hits: int, total: int) -> Estimate:
    """The share ``hits / total`` with Wilson's score interval (JASA 1927), which holds for few images too.

    Raises:
        ValueError: If nothing was counted.
    """
    if total < 1:
        raise ValueError("a share of nothing has no value")
    share = hits / total
    scale = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def over_repeats(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of one figure over repeats (draws of labels, random networks) judged on the same images.

    Two things are uncertain: the images on which all repeats were judged, by the mean half-width of
    the repeats' own intervals, and which repeats they happened to be, by Student's t. The two are
    added as independent errors.
    """
    if len(estimates) == 1:
        return estimates[0]
    count = len(estimates)
    value = sum(one.value for one in estimates) / count
    spread = students_t(count - 1) * standard_deviation(estimates) / math.sqrt(count)
    below = math.hypot(spread, sum(one.value - one.low for one in estimates) / count)
    above = math.hypot(spread, sum(one.high - one.value for one in estimates) / count)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above))


def standard_deviation(estimates: Sequence[Estimate]) -> float:
    """Sample standard deviation of the values; 0 where there is one."""
    if len(estimates) < 2:
        return 0.0
    mean = sum(one.value for one in estimates) / len(estimates)
    return math.sqrt(sum((one.value - mean) ** 2 for one in estimates) / (len(estimates) - 1))


def students_t(freedom: float) -> float:
    """97.5th percentile of Student's distribution."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(freedom, 0.975))
