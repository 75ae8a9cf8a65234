"""Average precision of Pascal VOC 2007, beside what its paper says in loops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from twofold.metrics.average_precision import eleven_point, mean_average_precision


def by_loops(scores, shown):
    """The development kit's, on a list in which every image counts once."""
    ranked = [has for _, has in sorted(zip(scores, shown, strict=True), key=lambda pair: -pair[0])]
    total, found, curve = sum(ranked), 0, []
    for place, has in enumerate(ranked, 1):
        found += has
        curve.append((found, found / place))
    points = [max(p for hits, p in curve if 10 * hits >= step * total) for step in range(11)]
    return sum(points) / 11


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40))
def test_it_is_the_development_kits_also_where_images_count_several_times(images):
    scores, shown, times = zip(*images, strict=True)
    repeated = [(s, has) for s, has, count in images for _ in range(count)]
    sample = torch.tensor([[1] * len(images), list(times)])
    once, several = eleven_point(torch.tensor(scores, dtype=torch.float64), torch.tensor(shown), sample)
    for value, asked in ((once, list(zip(scores, shown, strict=True))), (several, repeated)):
        if any(has for _, has in asked):
            assert value.item() == pytest.approx(by_loops(*zip(*asked, strict=True)), abs=1e-6)
        else:
            assert value.isnan()


def test_known_values():
    once = torch.ones(1, 4, dtype=torch.int64)
    scores = torch.tensor([4.0, 3.0, 2.0, 1.0])
    perfect = eleven_point(scores, torch.tensor([True, True, False, False]), once)
    late = eleven_point(scores, torch.tensor([False, True, False, True]), once)
    assert perfect.item() == 1
    assert late.item() == pytest.approx(0.5)  # half of the best two and of all four show it


def test_the_mean_leaves_out_what_does_not_count_and_what_nobody_shows():
    scores = torch.tensor([[3.0, 1, 0], [2, 3, 0], [1, 2, 0]])
    shown = torch.tensor([[1, 0, 0], [-1, 1, 0], [0, -1, 0]])
    assert mean_average_precision(scores, shown).value == 1
    shown[2, 1] = 1
    shown[0, 0], shown[2, 0] = 0, 1
    assert mean_average_precision(scores, shown).value == pytest.approx((1 / 2 + 1) / 2)


def test_more_images_make_the_interval_narrower():
    random = np.random.default_rng(0)
    widths = []
    for images in (50, 800):
        shown = torch.from_numpy(random.integers(0, 2, (images, 3)))
        estimate = mean_average_precision(shown + torch.from_numpy(random.normal(size=(images, 3))), shown)
        assert estimate.low < estimate.value < estimate.high
        widths.append(estimate.high - estimate.low)
    assert widths[1] < widths[0] / 2


def test_a_ranking_without_fault_is_not_certain():
    shown = torch.tensor([[1], [1], [0], [0]])
    value, low, high = mean_average_precision(shown.double(), shown)
    assert value == high == 1 and 0.3 < low < 0.7


def test_equal_scores_rank_at_random():
    shown = torch.tensor([[1, 0]] * 50 + [[0, 1]] * 50)
    assert mean_average_precision(torch.zeros(100, 2), shown).value < 0.65


def test_nothing_to_find_has_no_figure():
    with pytest.raises(ValueError, match="nothing to find"):
        mean_average_precision(torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.int64))
