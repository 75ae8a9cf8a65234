import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from twofold.metrics.intervals import Estimate, averaged, mean, over_repeats, standard_deviation, wilson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_that_of_newcombes_table(hits, total, low, high):
    estimate = wilson(hits, total)
    assert estimate.value == hits / total
    assert estimate.low == pytest.approx(low, abs=5e-5)
    assert estimate.high == pytest.approx(high, abs=5e-5)


@given(total=st.integers(1, 100_000), share=st.floats(0, 1))
def test_wilson_lies_in_the_unit_interval_around_the_share(total, share):
    value, low, high = wilson(round(share * total), total)
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0


def test_wilson_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    for truth, total in ((0.1, 50), (0.5, 100), (0.9, 400)):
        intervals = [wilson(int(hits), total) for hits in random.binomial(total, truth, size=3000)]
        covered = np.mean([one.low <= truth <= one.high for one in intervals])
        assert 0.93 < covered < 0.98


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        wilson(0, 0)


def test_repeats_add_their_spread_to_the_interval_of_the_images():
    repeats = [Estimate(v, v - 0.03, v + 0.04) for v in (0.40, 0.42, 0.44)]
    value, low, high = over_repeats(repeats)
    half = 4.302653 * 0.02 / math.sqrt(3)  # Student's t with 2 degrees of freedom
    assert value == pytest.approx(0.42)
    assert low == pytest.approx(0.42 - math.hypot(0.03, half))
    assert high == pytest.approx(0.42 + math.hypot(0.04, half))
    assert standard_deviation(repeats) == pytest.approx(0.02)


def test_equal_repeats_are_as_certain_as_one_and_one_is_itself():
    one = wilson(30, 100)
    assert over_repeats([one]) == one
    assert over_repeats([one] * 5) == pytest.approx(one)
    assert standard_deviation([one]) == 0


def test_repeats_of_what_is_no_share_may_lie_anywhere():
    repeats = [Estimate(v, v, v) for v in (-3.0, -2.0, 200.0)]
    value, low, high = over_repeats(repeats, share=False)
    assert value == pytest.approx(65)
    assert low < -3 and high > 200


def test_repeats_of_a_share_end_at_its_ends_unless_one_goes_beyond():
    near = [Estimate(v, v, v) for v in (0.01, 0.99)]
    assert over_repeats(near)[1:] == (0, 1)
    assert over_repeats([*near, Estimate(-0.1, -0.1, -0.1)]).low < -0.1
    assert over_repeats([*near, Estimate(-0.1, -0.1, -0.1)]).high == 1


def test_the_mean_over_images_has_the_normal_interval():
    values = torch.tensor([0.0, 1.0, 2.0, 5.0])
    value, low, high = mean(values)
    half = 1.959964 * values.double().std().item() / 2
    assert (value, low, high) == pytest.approx((2, 2 - half, 2 + half))
    assert mean(torch.ones(1)) == (1, 1, 1)


def test_the_mean_over_images_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    found = [mean(torch.from_numpy(random.exponential(size=200))) for _ in range(1000)]
    assert 0.92 < np.mean([one.low <= 1 <= one.high for one in found]) < 0.97


def test_figures_of_the_same_images_are_averaged_with_their_ends():
    assert averaged([Estimate(0.2, 0.1, 0.3), Estimate(0.6, 0.2, 0.8)]) == pytest.approx((0.4, 0.15, 0.55))
