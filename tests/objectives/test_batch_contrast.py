import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.batch_contrast import batch_info_nce


def slow(q: Tensor, keys: Tensor, first: int, temperature: float) -> Tensor:
    """Algorithm 1 of arXiv:2104.02057; the key of query i is key ``first + i``."""

    def likeness(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp((a * b).sum() / (a.norm() * b.norm()) / temperature)

    losses = []
    for i in range(len(q)):
        everything = torch.stack([likeness(q[i], k) for k in keys]).sum()
        losses.append(-torch.log(likeness(q[i], keys[first + i]) / everything))
    return 2 * temperature * torch.stack(losses).mean()


@settings(max_examples=15)
@given(
    count=st.integers(1, 4),
    first=st.integers(0, 3),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_is_algorithm_1(count: int, first: int, width: int, temperature: float, seed: int) -> None:
    assert_same(
        lambda q, k: batch_info_nce(q, first + torch.arange(count), k, temperature),
        lambda q, k: slow(q, k, first, temperature),
        draw(count, width, seed=seed),
        draw(count + first, width, seed=seed + 1),
    )


def test_closed_forms() -> None:
    rows = torch.arange(6)
    same, apart = torch.ones(6, 4, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    assert batch_info_nce(same, rows, same, 0.2).item() == pytest.approx(0.4 * math.log(6))
    own = math.exp(1 / 0.2)
    assert batch_info_nce(apart, rows, 3 * apart, 0.2).item() == pytest.approx(
        -0.4 * math.log(own / (own + 5))
    )


def test_parts_of_a_batch_average_to_the_whole() -> None:
    q, keys, rows = draw(6, 4, seed=0), draw(6, 4, seed=1), torch.arange(6)
    parts = [batch_info_nce(q[own], own, keys, 0.2) for own in rows.chunk(2)]
    assert torch.stack(parts).mean().item() == pytest.approx(batch_info_nce(q, rows, keys, 0.2).item())


def test_autocast_does_not_touch_the_logits() -> None:
    q, keys = (draw(8, 16, seed=s).bfloat16() for s in range(2))
    exact = batch_info_nce(q.float(), torch.arange(8), keys.float(), 0.07)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(batch_info_nce(q, torch.arange(8), keys, temperature=0.07), exact)
