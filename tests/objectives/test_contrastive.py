import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.contrastive import info_nce, nt_xent, nt_xent_of_small_views


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / (a.norm() * b.norm())


def slow_nt_xent(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """Equation 1 of arXiv:2002.05709, over both views."""
    z, count = torch.cat([z1, z2]), len(z1)
    losses = []
    for i in range(2 * count):
        positive = torch.exp(cosine(z[i], z[(i + count) % (2 * count)]) / temperature)
        everything = [torch.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * count) if k != i]
        losses.append(-torch.log(positive / torch.stack(everything).sum()))
    return torch.stack(losses).mean()


def both_ways(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    return nt_xent(z1, z2, torch.arange(len(z1)), z1, z2, temperature=temperature)


def slow_nt_xent_of_small_views(small: Tensor, z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """The anchor has the place of one embedding of its image, looks for the other, and meets all others."""
    losses, count = [], len(z1)
    candidates = [(view, j, z[j]) for view, z in ((0, z1), (1, z2)) for j in range(count)]
    for anchors in small:
        for i in range(count):
            for place in range(2):
                met = {(v, j): torch.exp(cosine(anchors[i], z) / temperature) for v, j, z in candidates}
                del met[place, i]
                losses.append(-torch.log(met[1 - place, i] / torch.stack([*met.values()]).sum()))
    return torch.stack(losses).mean()


def slow_info_nce(q: Tensor, k: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    losses = []
    for i in range(len(q)):
        positive = torch.exp(cosine(q[i], k[i]) / temperature)
        others = torch.stack([torch.exp(cosine(q[i], n) / temperature) for n in negatives]).sum()
        losses.append(-torch.log(positive / (positive + others)))
    return torch.stack(losses).mean()


@settings(max_examples=15)
@given(
    count=st.integers(1, 5),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_nt_xent_is_equation_1(count: int, width: int, temperature: float, seed: int) -> None:
    assert_same(
        lambda a, b: both_ways(a, b, temperature),
        lambda a, b: slow_nt_xent(a, b, temperature),
        draw(count, width, seed=seed),
        draw(count, width, seed=seed + 1),
    )


@settings(max_examples=15)
@given(
    count=st.integers(1, 4),
    others=st.integers(1, 5),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_info_nce_is_its_definition(
    count: int, others: int, width: int, temperature: float, seed: int
) -> None:
    assert_same(
        lambda q, k, n: info_nce(q, k, n, temperature),
        lambda q, k, n: slow_info_nce(q, k, n, temperature),
        draw(count, width, seed=seed),
        draw(count, width, seed=seed + 1),
        draw(others, width, seed=seed + 2),
    )


@settings(max_examples=15)
@given(
    count=st.integers(1, 4),
    views=st.integers(1, 3),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_small_views_take_the_place_of_either_global_one(
    count: int, views: int, width: int, temperature: float, seed: int
) -> None:
    rows = torch.arange(count)
    assert_same(
        lambda small, a, b: nt_xent_of_small_views(small, rows, a, b, temperature=temperature),
        lambda small, a, b: slow_nt_xent_of_small_views(small, a, b, temperature),
        draw(views, count, width, seed=seed),
        draw(count, width, seed=seed + 1),
        draw(count, width, seed=seed + 2),
    )


def test_a_small_view_in_its_own_place_is_the_anchor_of_nt_xent() -> None:
    z1, rows = draw(6, 4, seed=0), torch.arange(6)
    same = nt_xent_of_small_views(z1[None], rows, z1, z1, temperature=0.2)
    assert same.item() == pytest.approx(both_ways(z1, z1, 0.2).item())


def test_parts_of_small_views_average_to_the_whole() -> None:
    z1, z2, rows = draw(6, 4, seed=0), draw(6, 4, seed=1), torch.arange(6)
    parts = [
        nt_xent_of_small_views(z2[None, own], own, z1, z2, temperature=0.2).item() for own in rows.chunk(3)
    ]
    whole = nt_xent_of_small_views(z2[None], rows, z1, z2, temperature=0.2).item()
    assert sum(parts) / 3 == pytest.approx(whole)


def test_chance_level_is_the_logarithm_of_the_candidates() -> None:
    z1, z2 = draw(32, 8, seed=0), draw(32, 8, seed=1)
    assert both_ways(z1, z2, 1e6).item() == pytest.approx(math.log(2 * 32 - 1), abs=1e-5)
    assert info_nce(z1, z2, draw(100, 8, seed=2), 1e6).item() == pytest.approx(math.log(101), abs=1e-5)


def test_collapsed_embeddings_stay_at_chance_level() -> None:
    same = torch.ones(16, 4, dtype=torch.float64)
    assert both_ways(same, same, 0.1).item() == pytest.approx(math.log(31))
    assert info_nce(same, same, same, 0.1).item() == pytest.approx(math.log(17))


def test_closed_form_for_orthogonal_images() -> None:
    z = torch.eye(6, dtype=torch.float64)
    one, chance = math.exp(1 / 0.5), 2 * 6 - 2
    assert both_ways(z, 3 * z, 0.5).item() == pytest.approx(-math.log(one / (one + chance)))


def test_parts_of_a_batch_average_to_the_whole() -> None:
    z1, z2 = draw(6, 4, seed=0), draw(6, 4, seed=1)
    rows = torch.arange(6)
    parts = [nt_xent(z1[own], z2[own], own, z1, z2, temperature=0.2) for own in rows.chunk(2)]
    assert torch.stack(parts).mean().item() == pytest.approx(both_ways(z1, z2, 0.2).item())


def test_autocast_does_not_touch_the_logits() -> None:
    q, k, negatives = (draw(8, 16, seed=s).bfloat16() for s in range(3))
    exact = info_nce(q.float(), k.float(), negatives.float(), 0.07)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(info_nce(q, k, negatives, temperature=0.07), exact)
