import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.regression import cosine_regression


def slow_cosine_regression(q: Tensor, z: Tensor) -> Tensor:
    """Equation 2 of arXiv:2006.07733: squared distance of unit vectors."""
    distances = [(a / a.norm() - b / b.norm()).square().sum() for a, b in zip(q, z, strict=True)]
    return torch.stack(distances).mean()


@settings(max_examples=20)
@given(count=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999))
def test_cosine_regression_is_the_squared_distance(count: int, width: int, seed: int) -> None:
    assert_same(
        cosine_regression,
        slow_cosine_regression,
        draw(count, width, seed=seed),
        draw(count, width, seed=seed + 1),
    )


def test_range() -> None:
    z = draw(5, 3, seed=0)
    assert cosine_regression(z, 2 * z).item() == pytest.approx(0)
    assert cosine_regression(z, -z).item() == pytest.approx(4)
