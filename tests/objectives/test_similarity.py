import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.regression import cosine_regression
from twofold.objectives.similarity import negative_cosine


def slow_negative_cosine(p: Tensor, z: Tensor) -> Tensor:
    """Equation 1 of arXiv:2011.10566."""
    return torch.stack([-(a / a.norm()) @ (b / b.norm()) for a, b in zip(p, z, strict=True)]).mean()


@settings(max_examples=20)
@given(count=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999))
def test_negative_cosine_is_equation_1(count: int, width: int, seed: int) -> None:
    p, z = draw(count, width, seed=seed), draw(count, width, seed=seed + 1)
    assert_same(negative_cosine, slow_negative_cosine, p, z)
    assert cosine_regression(p, z).item() == pytest.approx(2 + 2 * negative_cosine(p, z).item())


def test_range() -> None:
    z = draw(5, 3, seed=0)
    assert negative_cosine(z, 2 * z).item() == pytest.approx(-1)
    assert negative_cosine(z, -z).item() == pytest.approx(1)


def test_autocast_does_not_touch_the_cosine() -> None:
    p, z = draw(8, 16, seed=0).bfloat16(), draw(8, 16, seed=1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(negative_cosine(p, z), negative_cosine(p.float(), z.float()))
