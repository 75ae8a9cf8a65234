import numpy as np
import pytest
import torch
from torch.nn import functional

from twofold.metrics.invariance import invariance


def slow(original, changed):
    """All pairs, one after the other."""
    original, changed = (functional.normalize(x.double(), dim=1) for x in (original, changed))
    n = len(original)
    same = sum(float(original[i] @ changed[i]) for i in range(n)) / n
    other = sum(float(original[i] @ original[j]) for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )
    return 1 - (1 - same) / (1 - other)


def crowd(n=40, width=8, offset=2.0, moved=0.5, seed=0):
    random = torch.Generator().manual_seed(seed)
    original = torch.randn(n, width, generator=random) + offset
    return original, original + moved * torch.randn(n, width, generator=random)


def test_it_is_the_definition():
    original, changed = crowd()
    assert invariance(original, changed).value == pytest.approx(slow(original, changed), abs=1e-9)


def test_it_is_one_where_nothing_moves_and_nothing_where_images_change_places():
    original, _ = crowd(n=2000)
    assert invariance(original, 3 * original) == pytest.approx((1, 1, 1))
    assert invariance(original, original.roll(1, 0)).value == pytest.approx(0, abs=0.05)


def test_a_further_move_is_a_smaller_invariance_and_may_be_below_nothing():
    values = [invariance(*crowd(n=300, moved=moved)).value for moved in (0.1, 0.5, 1.0, 3.0)]
    assert values == sorted(values, reverse=True)
    original, _ = crowd(offset=0.0)
    assert invariance(original, -original).value < -0.5


def test_a_collapsed_encoder_is_not_invariant():
    one_point = torch.ones(30, 8)
    assert invariance(one_point, one_point) == (0, 0, 0)


def test_crowding_together_makes_no_invariance():
    """A common offset brings all cosines near 1: same images and others alike."""
    near, far = (invariance(*crowd(n=500, offset=offset)).value for offset in (1.0, 20.0))
    assert near == pytest.approx(far, abs=0.1)
    cosine = functional.cosine_similarity(*crowd(n=500, offset=20.0)).mean()
    assert cosine > 0.99


def test_intervals_are_as_wide_as_the_values_spread_over_other_images():
    """Some images lie far out, so that how far apart images are is uncertain, too."""

    def uneven(seed):
        random = torch.Generator().manual_seed(seed)
        reach = torch.where(torch.rand(150, 1, generator=random) < 0.2, 3.0, 0.3)
        original = reach * torch.randn(150, 8, generator=random) + 1
        return original, original + torch.randn(150, 8, generator=random)

    found = [invariance(*uneven(seed)) for seed in range(300)]
    half = np.mean([one.high - one.low for one in found]) / 2
    assert half == pytest.approx(1.96 * np.std([one.value for one in found]), rel=0.15)
