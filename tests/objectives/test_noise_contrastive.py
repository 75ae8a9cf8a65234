import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import assert_same, draw
from twofold.objectives.noise_contrastive import log_partition, memory_scores, nce, sampled_softmax

sizes = {
    "count": st.integers(1, 4),
    "others": st.integers(1, 5),
    "width": st.integers(1, 4),
    "temperature": st.floats(0.05, 5),
    "seed": st.integers(0, 999),
}


def inputs(count: int, others: int, width: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    memories = F.normalize(draw(count, 1 + others, width, seed=seed + 1), dim=2)
    return draw(count, width, seed=seed), memories[:, 0], memories[:, 1:]


def score(v: Tensor, memory: Tensor, temperature: float) -> Tensor:
    return (v / v.norm() * memory).sum() / temperature


def slow_nce(v: Tensor, own: Tensor, others: Tensor, temperature: float, log_z: float, items: int) -> Tensor:
    """Section 3.2 of arXiv:1805.01978, letter by letter."""
    losses, m = [], others.shape[1]

    def share(v: Tensor, memory: Tensor) -> Tensor:
        p = torch.exp(score(v, memory, temperature)) / math.exp(log_z)
        return p / (p + m / items)

    for i in range(len(v)):
        loss = -torch.log(share(v[i], own[i]))
        for k in range(m):
            loss = loss - torch.log(1 - share(v[i], others[i, k]))
        losses.append(loss)
    return torch.stack(losses).mean()


def slow_softmax(v: Tensor, own: Tensor, others: Tensor, temperature: float) -> Tensor:
    losses = []
    for i in range(len(v)):
        positive = torch.exp(score(v[i], own[i], temperature))
        negatives = [torch.exp(score(v[i], memory, temperature)) for memory in others[i]]
        losses.append(-torch.log(positive / (positive + torch.stack(negatives).sum())))
    return torch.stack(losses).mean()


@settings(max_examples=15)
@given(**{**sizes, "temperature": st.floats(0.2, 5)}, log_z=st.floats(-2, 5), items=st.integers(1, 50))
def test_nce_is_its_definition(
    count: int, others: int, width: int, temperature: float, seed: int, log_z: float, items: int
) -> None:
    constant = torch.tensor(log_z, dtype=torch.float64)
    assert_same(
        lambda v, own, rest: nce(memory_scores(v, own, rest, temperature), constant, items),
        lambda v, own, rest: slow_nce(v, own, rest, temperature, log_z, items),
        *inputs(count, others, width, seed),
    )


@settings(max_examples=15)
@given(**sizes)
def test_sampled_softmax_is_its_definition(
    count: int, others: int, width: int, temperature: float, seed: int
) -> None:
    assert_same(
        lambda v, own, rest: sampled_softmax(memory_scores(v, own, rest, temperature)),
        lambda v, own, rest: slow_softmax(v, own, rest, temperature),
        *inputs(count, others, width, seed),
    )


@settings(max_examples=15)
@given(**sizes, items=st.integers(1, 50))
def test_the_partition_is_items_times_the_mean_over_the_negatives(
    count: int, others: int, width: int, temperature: float, seed: int, items: int
) -> None:
    def slow(v: Tensor, own: Tensor, rest: Tensor) -> Tensor:
        values = [torch.exp(score(v[i], memory, temperature)) for i in range(count) for memory in rest[i]]
        return torch.log(items * torch.stack(values).mean()) + 0 * own.sum()

    assert_same(
        lambda v, own, rest: log_partition(memory_scores(v, own, rest, temperature), items),
        slow,
        *inputs(count, others, width, seed),
    )


def test_with_all_memories_as_negatives_the_partition_is_exact() -> None:
    """P then sums to 1 over the memories."""
    v, own, _ = inputs(1, 1, 4, seed=0)
    memories = F.normalize(draw(1, 20, 4, seed=5), dim=2)
    scores = memory_scores(v, own, memories, 0.1)
    assert (scores[0, 1:] - log_partition(scores, 20)).exp().sum().item() == pytest.approx(1)


def test_chance_levels() -> None:
    m, items = 7, 100
    scores = memory_scores(*inputs(32, m, 8, seed=0), 1e7)
    expected = (m + 1) * math.log(m + 1) - m * math.log(m)
    assert nce(scores, log_partition(scores, items), items).item() == pytest.approx(expected, abs=1e-5)
    assert sampled_softmax(scores).item() == pytest.approx(math.log(m + 1), abs=1e-5)


def test_nce_keeps_its_gradient_where_the_odds_overflow() -> None:
    scores = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = nce(scores, torch.tensor(0.0), 1)
    loss.backward()
    assert loss.item() == pytest.approx(400)
    torch.testing.assert_close(scores.grad, torch.tensor([[-1.0, 1.0]]))


def test_autocast_does_not_touch_the_scores() -> None:
    v, own, others = (x.float() for x in inputs(8, 5, 16, seed=0))
    half = v.bfloat16()
    exact = memory_scores(half.float(), own, others, 0.07)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(memory_scores(half, own, others, 0.07), exact)
