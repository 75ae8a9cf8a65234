"""Whether two subjects differ by more than noise: of the images that both were judged on, of their seeds."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from twofold.metrics.intervals import Estimate, Z, students_t

_ROUNDED = 9
"""Digits: a third of one image is a third, however it was computed."""

_FEW = 12
"""Up to so many differences, all flips of their signs are tried."""


def paired_difference(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> Estimate:
    """The mean of ``one - other`` with its 95% interval over images.

    Agresti & Min's interval for matched proportions (Statistics in Medicine 24, 2005, "Wald+2"), written for
    any figures: half an image is added that one alone gets right, half an image that the other alone does,
    and one on which they agree. It holds for few images, too, and where nobody differs. Where images weigh
    more or less than 1, what is added weighs as much as the heaviest.

    Args:
        one: Figure of each image, from 0 to 1, or to a weight that is 1 on average.
        other: Of the same images.

    Raises:
        ValueError: If there are no images.
    """
    if len(one) < 1:
        raise ValueError("a difference on no image has no value")
    each = (one - other).astype(np.float64)
    value, count = float(each.mean()), len(each) + 2
    middle = float(each.sum()) / count
    heaviest = max(1.0, float(np.abs([one, other]).max()))
    half = Z * math.sqrt((float(np.square(each).sum() + heaviest**2) / count - middle**2) / count)
    return Estimate(value, min(value, max(-1.0, middle - half)), max(value, min(1.0, middle + half)))


def sign_flip_p(
    one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], *, draws: int = 20_000, seed: int = 0
) -> float:
    """How often chance alone makes a mean difference as large, were it a toss for each image who is better.

    Two-sided. Exact where all differences are of one size, as of right and wrong answers (then it is the
    exact test of McNemar), or are few; else by random flips, which give no less than ``1 / (draws + 1)``.

    Args:
        one: Figure of each image.
        other: Of the same images.
        draws: Random flips.
        seed: Of them.
    """
    each = np.round(one - other, _ROUNDED)
    each = each[each != 0]
    sizes, counts = np.unique(np.abs(each), return_counts=True)
    as_much = abs(float(each.sum())) - (1 + len(each)) * 10.0**-_ROUNDED
    if not len(each):
        return 1.0
    if len(sizes) == 1:
        return _exact(len(each), int((each > 0).sum()))
    if len(each) <= _FEW:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(each))))
        return float((np.abs(signs @ each) >= as_much).mean())
    random = np.random.default_rng(seed)
    sums = np.zeros(draws)
    for size, count in zip(sizes, counts, strict=True):
        sums += size * (2.0 * random.binomial(count, 0.5, size=draws) - count)
    return float(1 + (np.abs(sums) >= as_much).sum()) / (draws + 1)


def permutation_p(
    one: Sequence[float], other: Sequence[float], *, draws: int = 20_000, seed: int = 0
) -> float:
    """How often chance alone makes a difference of means as large, were all of one kind: two-sided.

    Exact where there are no more ways to deal them out than draws; else by random ones, which give no less
    than ``1 / (draws + 1)``.

    Args:
        one: Figure of each seed.
        other: Of each seed of the other setting; another number of them is allowed.
        draws: Random ways.
        seed: Of them.
    """
    everyone, size = np.array([*one, *other]), len(one)
    observed = abs(np.mean(one) - np.mean(other)) - 10.0**-_ROUNDED
    exact = math.comb(len(everyone), size) <= draws
    if exact:
        dealt = everyone[np.array(list(itertools.combinations(range(len(everyone)), size)))]
    else:
        random = np.random.default_rng(seed)
        dealt = random.permuted(np.tile(everyone, (draws, 1)), axis=1)[:, :size]
    sums = dealt.sum(axis=1)
    as_large = np.abs(sums / size - (everyone.sum() - sums) / (len(everyone) - size)) >= observed
    return float(as_large.mean()) if exact else float(1 + as_large.sum()) / (draws + 1)


def least_permutation_p(one: int, other: int) -> float:
    """The smallest p that so many seeds of both can come to."""
    return (2 if one == other else 1) / math.comb(one + other, one)


def over_seeds(images: Estimate, one: Sequence[float], other: Sequence[float]) -> Estimate:
    """A difference whose interval also holds for other seeds: both errors added as independent ones.

    Args:
        images: The difference, and its interval over images.
        one: Figure of each seed; a single one is taken for exact, as that of raw pixels.
        other: Of each seed of the other setting.
    """
    half = _welch(one, other)
    below = math.hypot(half, images.value - images.low)
    above = math.hypot(half, images.high - images.value)
    return Estimate(images.value, max(-1.0, images.value - below), min(1.0, images.value + above))


def holm(found: Sequence[float]) -> list[float]:
    """The p of each of several tests, raised so that any false alarm among them is as rare as one test's.

    Reference:
        Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted, least = [0.0] * len(found), 0.0
    for done, position in enumerate(sorted(range(len(found)), key=lambda number: found[number])):
        least = max(least, min(1.0, (len(found) - done) * found[position]))
        adjusted[position] = least
    return adjusted


def _exact(count: int, better: int) -> float:
    """Two-sided binomial test of a fair coin."""
    from scipy.special import bdtr  # type: ignore[import-untyped]

    fewer = min(better, count - better)
    return min(1.0, 2 * float(bdtr(fewer, count, 0.5)))


def _welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Half of Welch's 95% interval of a difference of means."""
    several = [values for values in (one, other) if len(values) > 1]
    parts = [float(np.var(values, ddof=1)) / len(values) for values in several]
    if not sum(parts):
        return 0.0
    shares = [part**2 / (len(values) - 1) for part, values in zip(parts, several, strict=True)]
    return students_t(sum(parts) ** 2 / sum(shares)) * math.sqrt(sum(parts))
