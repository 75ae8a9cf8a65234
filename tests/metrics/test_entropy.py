"""Entropies against sums written out in float64."""

import math

import pytest
import torch
from torch import Tensor

from twofold.metrics.entropy import entropy_of_mean, information, mean_entropy, share_used


def draw(n: int, k: int, sharpness: float) -> Tensor:
    return (torch.randn(n, k) * sharpness).softmax(dim=1)


def slow_entropy(p: list[float]) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def slow_mean(p: Tensor) -> list[float]:
    return [sum(float(row[j]) for row in p) / len(p) for j in range(p.shape[1])]


@pytest.mark.parametrize(("n", "k", "sharpness"), [(1, 4, 1.0), (20, 7, 3.0), (7, 20, 0.1)])
def test_each_is_its_definition(n: int, k: int, sharpness: float) -> None:
    p = draw(n, k, sharpness)
    rows = [slow_entropy([float(x) for x in row]) for row in p]
    mean, whole = sum(rows) / n, slow_entropy(slow_mean(p))
    assert mean_entropy(p) == pytest.approx(mean, rel=1e-5)
    assert entropy_of_mean(p) == pytest.approx(whole, rel=1e-5)
    assert share_used(p) == pytest.approx(math.exp(whole) / k, rel=1e-5)
    assert information(p) == pytest.approx(whole - mean, abs=1e-5)


def test_the_two_ways_in_which_targets_collapse_differ_in_their_entropy_only() -> None:
    uniform, one = torch.full((8, 16), 1 / 16), torch.eye(16)[[3] * 8]
    assert mean_entropy(uniform) == pytest.approx(math.log(16)) and mean_entropy(one) == 0
    assert information(uniform) == pytest.approx(0, abs=1e-6) and information(one) == 0
    assert share_used(uniform) == pytest.approx(1) and share_used(one) == pytest.approx(1 / 16)


def test_targets_tell_most_where_each_image_has_its_own() -> None:
    assert information(torch.eye(16)[:8]) == pytest.approx(math.log(8))
    assert share_used(torch.eye(16)[:8]) == pytest.approx(0.5)


def test_half_types_are_summed_in_float32() -> None:
    p = draw(64, 512, 1.0).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert mean_entropy(p) == mean_entropy(p.float())
