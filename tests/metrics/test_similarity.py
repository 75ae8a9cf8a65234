"""Similarities against loops in float64."""

import math

import pytest
import torch
from torch import Tensor

from twofold.metrics.similarity import hardest_negative, positive_similarity


def slow_cosine(a: Tensor, b: Tensor) -> float:
    a, b = a.double(), b.double()
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def test_both_are_their_definitions() -> None:
    one, other = torch.randn(9, 4), torch.randn(9, 4)
    same = [slow_cosine(one[i], other[i]) for i in range(9)]
    hardest = [max(slow_cosine(one[i], other[j]) for j in range(9) if j != i) for i in range(9)]
    assert positive_similarity(one, other) == pytest.approx(sum(same) / 9, abs=1e-6)
    assert hardest_negative(one, other) == pytest.approx(sum(hardest) / 9, abs=1e-6)


def test_an_image_is_no_negative_of_its_own() -> None:
    axes = torch.eye(5)
    assert positive_similarity(axes, 3 * axes) == pytest.approx(1)
    assert hardest_negative(axes, axes) == pytest.approx(0, abs=1e-7)
    assert hardest_negative(torch.ones(5, 3), torch.ones(5, 3)) == pytest.approx(1)
