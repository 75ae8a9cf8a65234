import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.metrics import collapse
from twofold.objectives.uniformity import alignment, uniformity


def unit(z: Tensor) -> Tensor:
    return z / z.norm()


def slow_alignment(z1: Tensor, z2: Tensor, alpha: float) -> Tensor:
    return torch.stack([(unit(a) - unit(b)).norm() ** alpha for a, b in zip(z1, z2, strict=True)]).mean()


def slow_uniformity(z: Tensor, t: float) -> Tensor:
    """Section 4.1 of arXiv:2005.10242: each pair of different rows once."""
    pairs = [
        torch.exp(-t * (unit(z[i]) - unit(z[j])).square().sum()) for i in range(len(z)) for j in range(i)
    ]
    return torch.log(torch.stack(pairs).mean())


@settings(max_examples=20)
@given(
    count=st.integers(1, 5),
    width=st.integers(2, 5),
    alpha=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    seed=st.integers(0, 999),
)
def test_alignment_is_its_definition(count: int, width: int, alpha: float, seed: int) -> None:
    assert_same(
        lambda a, b: alignment(a, b, alpha),
        lambda a, b: slow_alignment(a, b, alpha),
        draw(count, width, seed=seed),
        draw(count, width, seed=seed + 1),
    )


@settings(max_examples=20)
@given(count=st.integers(2, 6), width=st.integers(2, 5), t=st.floats(0.1, 5), seed=st.integers(0, 999))
def test_uniformity_is_its_definition(count: int, width: int, t: float, seed: int) -> None:
    assert_same(lambda z: uniformity(z, t), lambda z: slow_uniformity(z, t), draw(count, width, seed=seed))


def test_both_are_what_the_monitors_measure() -> None:
    z1, z2 = draw(50, 8, seed=0), draw(50, 8, seed=1)
    assert alignment(z1, z2, 3).item() == pytest.approx(collapse.alignment(z1, z2, 3))
    assert uniformity(z1, 3).item() == pytest.approx(collapse.uniformity(z1, 3))


def test_closed_forms() -> None:
    """Equal points, opposite points, and orthogonal ones, which are all sqrt(2) apart."""
    same, axes = torch.ones(5, 4, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    assert uniformity(same).item() == pytest.approx(0)
    assert uniformity(3 * axes, t=1.5).item() == pytest.approx(-3)
    assert uniformity(torch.tensor([[1.0, 0], [-2, 0]]), t=2).item() == pytest.approx(-8)
    assert alignment(same, 2 * same).item() == pytest.approx(0)
    assert alignment(axes, -axes, alpha=3).item() == pytest.approx(8)


def test_an_image_is_no_pair_with_itself() -> None:
    """Else the potential of n images could not fall below 1 / n."""
    axes = torch.eye(4, dtype=torch.float64)
    assert uniformity(axes, t=10).item() < -math.log(4)


def test_equal_views_have_a_gradient_that_is_a_number() -> None:
    z = draw(4, 3, seed=0).requires_grad_(True)
    (alignment(z, z.detach(), alpha=1) + uniformity(z[[0, 0, 1]])).backward()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_potentials_too_small_for_a_number_still_count() -> None:
    z = torch.tensor([[1.0, 0], [-1, 0]], requires_grad=True)
    assert uniformity(z, t=100).item() == pytest.approx(-400)
