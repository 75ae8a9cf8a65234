import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import assert_same, draw
from twofold.objectives import hard_negatives
from twofold.objectives.contrastive import info_nce
from twofold.objectives.hard_negatives import at_ranks, rows_at_ranks, skewed_ranks


def slow_info_nce(q: Tensor, k: Tensor, negatives: Tensor, temperature: float, ranks: Tensor) -> Tensor:
    """Each query sorts the negatives for itself and meets those at the ranks, repeated ones repeatedly."""

    def likeness(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum() / (a.norm() * b.norm()) / temperature

    losses = []
    for i in range(len(q)):
        ordered = sorted((likeness(q[i], n) for n in negatives), key=lambda x: -x.item())
        positive = likeness(q[i], k[i]).exp()
        others = torch.stack([ordered[rank].exp() for rank in ranks.tolist()]).sum()
        losses.append(-torch.log(positive / (positive + others)))
    return torch.stack(losses).mean()


@settings(max_examples=15)
@given(
    count=st.integers(1, 4),
    others=st.integers(1, 6),
    width=st.integers(2, 4),
    temperature=st.floats(0.05, 5),
    hardness=st.floats(0.1, 5),
    seed=st.integers(0, 999),
)
def test_info_nce_against_the_negatives_at_the_ranks(
    count: int, others: int, width: int, temperature: float, hardness: float, seed: int
) -> None:
    ranks = skewed_ranks(others, hardness, seed)
    assert_same(
        lambda q, k, n: info_nce(q, k, n, temperature, ranks),
        lambda q, k, n: slow_info_nce(q, k, n, temperature, ranks),
        draw(count, width, seed=seed),
        draw(count, width, seed=seed + 1),
        draw(others, width, seed=seed + 2),
    )


def test_every_rank_once_is_the_whole_set() -> None:
    q, k, negatives = draw(4, 8, seed=0), draw(4, 8, seed=1), draw(20, 8, seed=2)
    everything = info_nce(q, k, negatives, 0.2, torch.arange(20))
    assert everything.item() == pytest.approx(info_nce(q, k, negatives, 0.2).item(), rel=1e-12)
    hardest = info_nce(q, k, negatives, 0.2, torch.zeros(20, dtype=torch.long))
    easiest = info_nce(q, k, negatives, 0.2, torch.full((20,), 19))
    assert easiest < everything < hardest


def test_at_ranks_each_row_has_an_order_of_its_own() -> None:
    likeness = torch.tensor([[0.1, 0.9, 0.5], [0.8, 0.2, 0.3]])
    expected = torch.tensor([[0.9, 0.1, 0.9], [0.8, 0.2, 0.8]])
    assert torch.equal(at_ranks(likeness, torch.tensor([0, 2, 0])), expected)


def test_ranks_follow_the_skew_normal() -> None:
    """Mean, share of the hardest and median of 0.3 times a skew-normal of shape 4, cut off at 0 and 1."""
    count = 100_000
    ranks = skewed_ranks(count, 1.0, step=3)
    share = ranks.double() / count
    assert ranks.min() == 0 and ranks.max() == count - 1
    assert (ranks == 0).double().mean().item() == pytest.approx(0.5 - math.atan(4) / math.pi, abs=0.005)
    assert share.median().item() == pytest.approx(0.2, abs=0.01)
    assert share.mean().item() == pytest.approx(0.3 * 4 / math.sqrt(17) * math.sqrt(2 / math.pi), abs=0.005)
    assert (share > share.mean()).double().mean() < 0.5  # the tail is towards the easy ones


def test_harder_draws_are_harder_and_none_leaves_the_set_alone() -> None:
    means = [skewed_ranks(1000, hardness, 0).double().mean() for hardness in (0.5, 1, 2, 8)]
    assert means == sorted(means, reverse=True)
    assert skewed_ranks(1000, 0.0, 0) is None


def test_a_little_hardness_is_easier_than_none() -> None:
    """The tail that is cut off at 1 falls on the easiest; uniform draws have a mean of one half."""
    easy, hard = (skewed_ranks(10_000, hardness, 0).double().mean() / 10_000 for hardness in (0.4, 0.5))
    assert hard < 0.5 < easy


def test_draws_hang_on_the_step_alone() -> None:
    first = skewed_ranks(50, 1.0, 7)
    torch.manual_seed(99)
    assert torch.equal(skewed_ranks(50, 1.0, 7), first)
    assert not torch.equal(skewed_ranks(50, 1.0, 8), first)


@settings(max_examples=15)
@given(
    count=st.integers(1, 4),
    items=st.integers(2, 7),
    width=st.integers(2, 4),
    draws=st.integers(1, 9),
    hardness=st.floats(0.1, 5),
    at_once=st.integers(1, 30),
    seed=st.integers(0, 999),
)
def test_memories_at_the_ranks_are_those_that_sorting_one_by_one_finds(
    count: int, items: int, width: int, draws: int, hardness: float, at_once: int, seed: int
) -> None:
    v, rows = draw(count, width, seed=seed), F.normalize(draw(items, width, seed=seed + 1))
    own = torch.randint(items, (count,), generator=torch.Generator().manual_seed(seed))
    ranks = skewed_ranks(items - 1, hardness, seed, draws)
    assert ranks is not None and len(ranks) == draws
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hard_negatives, "AT_ONCE", at_once)
        found = rows_at_ranks(v, rows, own, ranks)
    for i in range(count):
        others = [row for row in range(items) if row != own[i]]
        ordered = sorted(others, key=lambda row: -(v[i] @ rows[row] / v[i].norm()).item())
        assert found[i].tolist() == [ordered[rank] for rank in ranks.tolist()]


def test_an_image_never_meets_its_own_memory() -> None:
    """It would be the hardest negative of all, and is the positive."""
    rows = F.normalize(draw(20, 8, seed=0))
    own = torch.arange(20)
    found = rows_at_ranks(rows, rows, own, torch.arange(19))
    assert not (found == own[:, None]).any()
    assert all(len(set(row)) == 19 for row in found.tolist())


def test_ranking_a_large_bank_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    argsort = Tensor.argsort
    monkeypatch.setattr(Tensor, "argsort", lambda x, **how: sizes.append(x.numel()) or argsort(x, **how))
    monkeypatch.setattr(hard_negatives, "AT_ONCE", 5000)
    rows = F.normalize(draw(2000, 4, seed=0))
    rows_at_ranks(draw(5, 4, seed=1), rows, torch.arange(5), torch.arange(3))
    assert sizes == [4000, 4000, 2000]


def test_ranking_has_no_gradient_and_is_exact_under_autocast() -> None:
    v = draw(4, 16, seed=0).bfloat16().requires_grad_(True)
    rows, ranks = F.normalize(draw(300, 16, seed=1)).float(), torch.arange(0, 299, 7)
    exact = rows_at_ranks(v.float(), rows, torch.arange(4), ranks)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rows_at_ranks(v, rows, torch.arange(4), ranks), exact)
    assert not exact.requires_grad


def test_any_number_may_be_drawn() -> None:
    ranks = skewed_ranks(10, 1.0, 0, draws=5000)
    assert ranks is not None and len(ranks) == 5000
    assert ranks.min() == 0 and ranks.max() == 9
    assert torch.equal(skewed_ranks(50, 1.0, 7, draws=50), skewed_ranks(50, 1.0, 7))
