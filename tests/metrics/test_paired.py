import itertools
import math
import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from twofold.metrics.intervals import Estimate
from twofold.metrics.paired import (
    holm,
    least_permutation_p,
    over_seeds,
    paired_difference,
    permutation_p,
    sign_flip_p,
)

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=10)


def both(pairs):
    return (np.array(side, float) for side in zip(*pairs, strict=True))


def brute_force(one, other):
    """The share of all flips that come to as much, in exact arithmetic."""
    each = [Fraction(difference).limit_denominator(99) for difference in one - other]
    flips = itertools.product((-1, 1), repeat=len(each))
    sums = [abs(sum(map(operator.mul, flip, each))) for flip in flips]
    return sum(found >= abs(sum(each)) for found in sums) / len(sums)


@given(answers)
def test_flips_of_right_and_wrong_answers_are_those_of_brute_force(pairs):
    one, other = both(pairs)
    assert sign_flip_p(one, other) == pytest.approx(brute_force(one, other))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_flips_of_means_of_three_networks_are_those_of_brute_force(pairs):
    one, other = (side / 3 for side in both(pairs))
    assert sign_flip_p(one, other) == pytest.approx(brute_force(one, other))


def test_random_flips_come_near_to_all_of_them(monkeypatch):
    random = np.random.default_rng(0)
    one, other = random.integers(0, 4, (2, 12)) / 3
    exact = brute_force(one, other)
    monkeypatch.setattr("twofold.metrics.paired._FEW", 0)
    assert sign_flip_p(one, other) == pytest.approx(exact, abs=0.01)


def test_it_is_the_exact_test_of_mcnemar():
    one = np.array([1.0] * 30 + [0.0] * 12 + [1.0] * 500)
    other = np.array([0.0] * 30 + [1.0] * 12 + [1.0] * 500)
    assert sign_flip_p(one, other) == pytest.approx(stats.binomtest(12, 42).pvalue)


def test_who_is_no_different_has_p_1_and_the_order_does_not_matter():
    one, other = np.random.default_rng(0).integers(0, 2, (2, 90)).astype(float)
    assert sign_flip_p(one, one) == 1
    assert sign_flip_p(one, other) == sign_flip_p(other, one)
    there, back = paired_difference(one, other), paired_difference(other, one)
    assert there == pytest.approx((-back.value, -back.high, -back.low))


def test_the_interval_is_that_of_agresti_and_min():
    """Written with the four cells of the table, each half an image fuller."""
    a, b, c, d = 40, 12, 5, 23
    one = np.array([1.0] * a + [1.0] * b + [0.0] * c + [0.0] * d)
    other = np.array([1.0] * a + [0.0] * b + [1.0] * c + [0.0] * d)
    count = a + b + c + d + 2
    p12, p21 = (b + 0.5) / count, (c + 0.5) / count
    half = 1.959964 * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / count)
    value, low, high = paired_difference(one, other)
    assert value == pytest.approx((b - c) / 80)
    assert (low, high) == pytest.approx((p12 - p21 - half, p12 - p21 + half))


def test_two_that_agree_on_few_images_may_still_differ():
    same = np.ones(20)
    value, low, high = paired_difference(same, same)
    assert value == 0
    assert low == pytest.approx(-high)
    assert 0.05 < high < 0.15


def test_a_difference_on_no_image_is_refused():
    with pytest.raises(ValueError, match="no image"):
        paired_difference(np.zeros(0), np.zeros(0))


def equal_encoders(random, images):
    """Two that are right with the same chance on each image, which is easier or harder for both."""
    chance = random.beta(2, 1, images)
    return (random.random((2, images)) < chance).astype(float)


@pytest.mark.parametrize("images", [25, 200])
def test_equal_encoders_are_told_apart_in_no_more_than_5_of_100_trials(images):
    random = np.random.default_rng(0)
    trials = [equal_encoders(random, images) for _ in range(2000)]
    false_alarms = np.mean([sign_flip_p(*pair) <= 0.05 for pair in trials])
    assert false_alarms <= 0.055
    covered = np.mean([low <= 0 <= high for _, low, high in (paired_difference(*pair) for pair in trials)])
    assert 0.94 <= covered <= 0.99


def test_unequal_encoders_are_told_apart_and_the_interval_covers_the_truth():
    random = np.random.default_rng(1)
    found, covered = 0, 0
    for _ in range(500):
        chance = random.beta(2, 1, 400) * 0.8
        one, other = (random.random((2, 400)) < np.stack([chance + 0.15, chance])).astype(float)
        found += sign_flip_p(one, other) <= 0.05
        low, high = paired_difference(one, other)[1:]
        covered += low <= 0.15 <= high
    assert found > 450
    assert covered / 500 == pytest.approx(0.95, abs=0.03)


def test_the_permutation_of_seeds_is_that_of_scipy():
    one, other = [0.61, 0.65, 0.63, 0.70], [0.60, 0.59, 0.62]
    slow = stats.permutation_test(
        (one, other), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf, alternative="two-sided"
    )
    own = permutation_p(one, other)
    assert own == pytest.approx(_two_sided(one, other))
    assert own <= slow.pvalue + 1e-9  # scipy doubles the smaller tail


def _two_sided(one, other):
    everyone = [*map(Fraction, map(str, one)), *map(Fraction, map(str, other))]

    def difference(chosen):
        rest = [value for number, value in enumerate(everyone) if number not in chosen]
        mean = sum(everyone[number] for number in chosen) / len(chosen)
        return abs(mean - sum(rest) / len(rest))

    splits = list(itertools.combinations(range(len(everyone)), len(one)))
    observed = difference(tuple(range(len(one))))
    return sum(difference(split) >= observed for split in splits) / len(splits)


@pytest.mark.parametrize(("one", "other", "least"), [(3, 3, 0.1), (4, 4, 2 / 70), (3, 5, 1 / 56), (1, 1, 1)])
def test_the_least_p_of_so_many_seeds(one, other, least):
    assert least_permutation_p(one, other) == pytest.approx(least)
    apart = permutation_p([1.0 + n for n in range(one)], [-1000.0 - n for n in range(other)])
    assert apart == pytest.approx(least)


def test_many_seeds_are_dealt_out_at_random():
    one, other = [0.5 + n / 100 for n in range(20)], [0.53 + n / 100 for n in range(20)]
    slow = stats.ttest_ind(one, other).pvalue
    assert permutation_p(one, other) == pytest.approx(slow, abs=0.02)
    assert permutation_p(one, [9.0 + n for n in range(20)]) == pytest.approx(1 / 20_001)


def test_seeds_widen_the_interval_as_welch_says():
    one, other = [0.61, 0.65, 0.63, 0.70], [0.60, 0.59, 0.62]
    welch = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    value = np.mean(one) - np.mean(other)
    found = over_seeds(Estimate(value, value, value), one, other)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high), abs=1e-6)
    wide = over_seeds(Estimate(value, value - 0.03, value + 0.04), one, other)
    assert value - wide.low == pytest.approx(math.hypot(0.03, value - welch.low), abs=1e-6)
    assert wide.high - value == pytest.approx(math.hypot(0.04, welch.high - value), abs=1e-6)
    narrow = Estimate(0.1, 0.05, 0.15)
    assert over_seeds(narrow, [0.5, 0.5], [0.4, 0.4]) == pytest.approx(narrow)


def test_holm_is_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_one_test_and_bonferroni(found):
    adjusted = holm(found)
    both = list(zip(found, adjusted, strict=True))
    assert all(p <= q <= min(1, len(found) * p) + 1e-12 for p, q in both)
    assert all(q <= s for (p, q), (r, s) in itertools.permutations(both, 2) if p < r)


def test_where_one_image_weighs_much_little_is_known_of_a_difference_of_none():
    """One image of a rare class, among 99 of another: right or wrong, it moves the mean of both by a half."""
    weights = np.where(np.arange(100) < 99, 100 / (99 * 2), 100 / 2)
    even = paired_difference(np.ones(100), np.ones(100))
    uneven = paired_difference(weights, weights)
    assert weights.mean() == pytest.approx(1)
    assert even.value == uneven.value == 0
    assert even.high < 0.04 and uneven.high > 0.5
