"""95% intervals of shares, of means over images, and of means over repeats."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

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


def mean(values: Float[Tensor, " n"]) -> Estimate:
    """The mean of one number an image, with the normal interval, which is for dozens of images and more."""
    value = values.double().mean().item()
    half = Z * values.double().std().item() / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(value, value - half, value + half)


def mean_share(values: Float[Tensor, " n"]) -> Estimate:
    """The mean of one number from 0 to 1 an image; Wilson's interval where all of them are 0, or 1."""
    value, low, high = mean(values)
    if value in (0.0, 1.0):
        return wilson(len(values) if value else 0, len(values))
    return Estimate(value, max(0.0, low), min(1.0, high))


def averaged(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of several figures of the same images: all may be too high at once, and so are the ends."""
    return Estimate(*(sum(values) / len(values) for values in zip(*estimates, strict=True)))


def over_repeats(estimates: Sequence[Estimate], *, share: bool = True) -> Estimate:
    """The mean of one figure over repeats (draws of labels, random networks) judged on the same images.

    Two things are uncertain: the images on which all repeats were judged, by the mean half-width of
    the repeats' own intervals, and which repeats they happened to be, by Student's t. The two are
    added as independent errors.

    Args:
        estimates: Of each repeat.
        share: Whether the interval ends at 0 and at 1, unless a repeat's own goes beyond.
    """
    if len(estimates) == 1:
        return estimates[0]
    count = len(estimates)
    value = sum(one.value for one in estimates) / count
    spread = students_t(count - 1) * standard_deviation(estimates) / math.sqrt(count)
    below = math.hypot(spread, sum(one.value - one.low for one in estimates) / count)
    above = math.hypot(spread, sum(one.high - one.value for one in estimates) / count)
    low, high = value - below, value + above
    if share and all(one.low >= 0 for one in estimates):
        low = max(0.0, low)
    if share and all(one.high <= 1 for one in estimates):
        high = min(1.0, high)
    return Estimate(value, low, high)


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
