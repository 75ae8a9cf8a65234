import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.clustering import sinkhorn, swapped_prediction


def slow_sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Listing 1 of arXiv:2006.09882: prototypes in rows, samples in columns."""
    Q = torch.exp(scores / epsilon).T
    Q = Q / Q.sum()
    K, B = Q.shape
    for _ in range(iterations):
        Q = Q / Q.sum(dim=1, keepdim=True) / K
        Q = Q / Q.sum(dim=0, keepdim=True) / B
    return (Q * B).T


def slow_swapped_prediction(scores: Tensor, codes: Tensor, coded: list[int], temperature: float) -> Tensor:
    loss = torch.zeros((), dtype=torch.float64)
    for i, view in enumerate(coded):
        for other in range(len(scores)):
            if other == view:
                continue
            for sample in range(scores.shape[1]):
                exponentials = torch.exp(scores[other, sample] / temperature)
                log_p = torch.log(exponentials / exponentials.sum())
                term = -(codes[i, sample] * log_p).sum()
                loss = loss + term / scores.shape[1] / (len(scores) - 1) / len(coded)
    return loss


@settings(max_examples=20)
@given(
    samples=st.integers(1, 6),
    prototypes=st.integers(1, 5),
    epsilon=st.floats(0.03, 2),
    iterations=st.integers(0, 4),
    seed=st.integers(0, 999),
)
def test_sinkhorn_is_the_papers_listing(
    samples: int, prototypes: int, epsilon: float, iterations: int, seed: int
) -> None:
    scores = draw(samples, prototypes, seed=seed).clamp(-1, 1)
    codes = sinkhorn(scores, epsilon, iterations)
    if iterations:
        torch.testing.assert_close(codes, slow_sinkhorn(scores, epsilon, iterations), rtol=1e-10, atol=1e-10)
    assert codes.dtype == torch.float64


@settings(max_examples=15)
@given(
    views=st.integers(2, 4),
    count=st.integers(1, 3),
    prototypes=st.integers(1, 4),
    temperature=st.floats(0.05, 2),
    seed=st.integers(0, 999),
)
def test_swapped_prediction_is_its_definition(
    views: int, count: int, prototypes: int, temperature: float, seed: int
) -> None:
    codes = draw(2, count, prototypes, seed=seed).softmax(dim=-1)
    assert_same(
        lambda s: swapped_prediction(s, codes, (0, 1), temperature),
        lambda s: slow_swapped_prediction(s, codes, [0, 1], temperature),
        draw(views, count, prototypes, seed=seed + 1),
    )


def test_codes_are_distributions_over_prototypes_used_alike() -> None:
    scores = draw(64, 8, seed=0).clamp(-1, 1)
    three, many = sinkhorn(scores, 0.05, 3), sinkhorn(scores, 0.05, 500)
    assert torch.allclose(three.sum(dim=1), torch.ones(64, dtype=torch.float64))
    assert torch.allclose(many.sum(dim=1), torch.ones(64, dtype=torch.float64))
    assert torch.allclose(many.sum(dim=0), torch.full((8,), 8.0, dtype=torch.float64), atol=0.01)


def test_codes_stay_finite_where_the_exponential_would_overflow() -> None:
    scores = torch.tensor([[1.0, -1.0, -1.0], [1.0, 0.9, -1.0]])
    codes = sinkhorn(scores, 1e-3, 3)
    assert torch.isfinite(codes).all()
    assert torch.allclose(codes.sum(dim=1), torch.ones(2))


def test_codes_carry_no_gradient() -> None:
    assert not sinkhorn(torch.rand(4, 3, requires_grad=True), 0.05).requires_grad


def test_uniform_scores_cost_the_logarithm_of_the_prototypes() -> None:
    scores = torch.zeros(3, 5, 3000, dtype=torch.float64)
    codes = torch.stack([sinkhorn(scores[0], 0.05)] * 2)
    assert swapped_prediction(scores, codes, (0, 1), 0.1).item() == pytest.approx(math.log(3000))


def test_a_view_does_not_predict_its_own_code() -> None:
    scores = draw(3, 4, 5, seed=0).requires_grad_(True)
    codes = torch.zeros(1, 4, 5, dtype=torch.float64)
    codes[..., 0] = 1
    swapped_prediction(scores, codes, (1,), 0.1).backward()
    assert scores.grad is not None
    assert not scores.grad[1].any()
    assert scores.grad[0].any() and scores.grad[2].any()


def test_autocast_does_not_touch_the_scores() -> None:
    scores = draw(2, 4, 5, seed=0).float()
    codes = sinkhorn(scores[0], 0.05)[None]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(sinkhorn(scores[0], 0.05)[None], codes)
