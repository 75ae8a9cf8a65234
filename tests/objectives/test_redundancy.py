import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.redundancy import (
    correlation_to_identity,
    covariance_penalty,
    cross_correlation,
    variance_hinge,
)


def slow_cross_correlation(z1: Tensor, z2: Tensor) -> Tensor:
    """Equation 2 of arXiv:2103.03230, for standardised embeddings."""
    d = z1.shape[1]
    rows = [[sum(a[i] * b[j] for a, b in zip(z1, z2, strict=True)) for j in range(d)] for i in range(d)]
    return torch.stack([torch.stack(row) for row in rows]) / len(z1)


def slow_distance(c: Tensor, off_diagonal: float) -> Tensor:
    """Equation 1 of arXiv:2103.03230."""
    total = 0 * c.sum()
    for i in range(len(c)):
        for j in range(len(c)):
            total = total + ((1 - c[i, j]) ** 2 if i == j else off_diagonal * c[i, j] ** 2)
    return total


def slow_variance_hinge(z: Tensor) -> Tensor:
    """Equations 1 and 2 of arXiv:2105.04906."""
    n, d = z.shape
    total = 0 * z.sum()
    for j in range(d):
        mean = sum(z[:, j]) / n
        variance = sum((value - mean) ** 2 for value in z[:, j]) / (n - 1)
        total = total + torch.clamp(1 - torch.sqrt(variance + 1e-4), min=0)
    return total / d


def slow_covariance_penalty(z: Tensor) -> Tensor:
    """Equations 3 and 4 of arXiv:2105.04906."""
    n, d = z.shape
    mean = sum(z) / n
    covariance = sum(torch.outer(row - mean, row - mean) for row in z) / (n - 1)
    total = 0 * z.sum()
    for i in range(d):
        for j in range(d):
            if i != j:
                total = total + covariance[i, j] ** 2
    return total / d


sizes = {"count": st.integers(2, 6), "width": st.integers(1, 5), "seed": st.integers(0, 999)}


@settings(max_examples=20)
@given(**sizes)
def test_cross_correlation_is_equation_2(count: int, width: int, seed: int) -> None:
    z1, z2 = draw(count, width, seed=seed), draw(count, width, seed=seed + 1)
    assert_same(cross_correlation, slow_cross_correlation, z1, z2)


@settings(max_examples=20)
@given(width=st.integers(1, 6), off_diagonal=st.floats(0, 2), seed=st.integers(0, 999))
def test_distance_to_the_identity_is_equation_1(width: int, off_diagonal: float, seed: int) -> None:
    assert_same(
        lambda c: correlation_to_identity(c, off_diagonal),
        lambda c: slow_distance(c, off_diagonal),
        draw(width, width, seed=seed),
    )


@settings(max_examples=20)
@given(scale=st.floats(0.1, 3), **sizes)
def test_variance_and_covariance_are_the_papers(count: int, width: int, scale: float, seed: int) -> None:
    z = scale * draw(count, width, seed=seed)
    assert_same(variance_hinge, slow_variance_hinge, z)
    assert_same(covariance_penalty, slow_covariance_penalty, z)


def test_closed_forms() -> None:
    uncorrelated, perfect = torch.zeros(7, 7), torch.eye(7)
    assert correlation_to_identity(uncorrelated, 0.1).item() == 7
    assert correlation_to_identity(perfect, 0.1).item() == 0
    assert correlation_to_identity(torch.ones(7, 7), 0.1).item() == pytest.approx(0.1 * 7 * 6)

    collapsed = torch.ones(8, 5, dtype=torch.float64)
    assert variance_hinge(collapsed).item() == pytest.approx(0.99)
    assert covariance_penalty(collapsed).item() == 0
    axes = math.sqrt(7 / 2) * torch.cat([torch.eye(4), -torch.eye(4)]).double()  # variance 1, no covariance
    assert variance_hinge(axes).item() == 0
    assert covariance_penalty(axes).item() == 0
    alike = torch.tensor([[1.0], [-1.0]]).double().expand(2, 3) / math.sqrt(2)  # every covariance is 1
    assert covariance_penalty(alike).item() == pytest.approx(3 - 1)


def test_the_hinge_of_collapsed_embeddings_still_has_a_finite_gradient() -> None:
    z = torch.ones(8, 5, requires_grad=True)
    variance_hinge(z).backward()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_parts_of_a_batch_average_to_the_whole() -> None:
    z1, z2 = draw(6, 4, seed=0), draw(6, 4, seed=1)
    parts = [cross_correlation(a, b) for a, b in zip(z1.chunk(2), z2.chunk(2), strict=True)]
    torch.testing.assert_close(torch.stack(parts).mean(dim=0), cross_correlation(z1, z2))


def test_autocast_does_not_touch_the_products() -> None:
    z1, z2 = draw(8, 16, seed=0).float(), draw(8, 16, seed=1).float()
    exact, covariance = cross_correlation(z1, z2), covariance_penalty(z1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cross_correlation(z1, z2), exact)
        assert torch.equal(covariance_penalty(z1), covariance)
