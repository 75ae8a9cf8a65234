"""Candidates by coarse products: nothing is missed where that is said to be certain."""

from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.metrics import coarse, knn


def slow(queries, bank, k):
    """Cosines of the nearest in float64, by sorting all."""
    queries, bank = queries.double(), bank.double()
    cosines = queries @ (bank / bank.norm(dim=1, keepdim=True).clamp_min(1e-12)).T
    return cosines.sort(dim=1, descending=True).values[:, :k]


def bank_like(kind, rows, width, seed):
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=random)

    if kind == "collapsed":  # bfloat16 cannot tell the rows apart
        return normal(width) + 1e-3 * normal(rows, width)
    if kind == "far out":
        return normal(rows, width) * (1 + 1e3 * (torch.rand(rows, 1, generator=random) < 0.01))
    if kind == "one far direction":
        return normal(rows, width) + 50 * (torch.rand(rows, 1, generator=random) < 0.02) * normal(width)
    if kind == "twins":
        return normal(rows, width)[torch.randint(0, 1 + rows // 3, (rows,), generator=random)]
    if kind == "flat":
        return normal(rows, 2) @ normal(2, width)
    return normal(rows, width)


KINDS = ["plain", "collapsed", "far out", "one far direction", "twins", "flat"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(20, 900),
    st.integers(1, 70),
    st.integers(1, 20),
    st.sampled_from([0, 64]),
    st.integers(0, 2**32 - 1),
)
def test_where_it_is_certain_no_row_is_nearer(kind, rows, width, k, spare, seed):
    bank = bank_like(kind, rows, width, seed)
    asked = torch.nn.functional.normalize(
        bank[:33] + 1e-2 * bank_like("plain", 33, width, seed)[: len(bank)], dim=1
    )
    with mock.patch.object(coarse, "_SPARE", spare):
        found = coarse.nearest(asked, bank, k, at_once=10, block=250)
    exact = slow(asked, bank, k)
    close = (found.similarity - exact).abs().amax(dim=1) < 2e-6
    assert close[found.certain].all()
    own = (asked.double() @ torch.nn.functional.normalize(bank.double(), dim=1).T).gather(1, found.row)
    torch.testing.assert_close(found.similarity.double(), own, atol=2e-6, rtol=0)
    assert all(len(set(row)) == k for row in found.row.tolist())


@pytest.mark.parametrize("spread", [1e-2, 1e-1, 10])
def test_it_is_certain_nearly_always_however_alike_the_rows_are(spread):
    """At a spread of a hundredth all cosines are above 0.9998, of which bfloat16 knows 0.996 and 1."""
    bank = bank_like("plain", 1, 64, seed=1) + spread * bank_like("plain", 5000, 64, seed=0)
    asked = torch.nn.functional.normalize(bank[:100], dim=1)
    assert coarse.nearest(asked, bank, 20, at_once=64, block=5000).certain.float().mean() > 0.95


def test_it_is_in_doubt_where_more_rows_are_nearly_equal_than_there_are_candidates():
    bank = torch.cat([bank_like("plain", 300, 8, seed=0), bank_like("plain", 1, 8, seed=1).expand(300, -1)])
    asked = torch.nn.functional.normalize(bank[[0, -1]], dim=1)
    found = coarse.nearest(asked, bank + 1e-6 * bank_like("plain", 600, 8, seed=2), 5, at_once=8, block=100)
    assert found.certain.tolist() == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_is_as_exact_with_candidates_as_without(kind, monkeypatch):
    bank = bank_like(kind, 700, 24, seed=1)
    queries = bank[::7] + 0.01
    monkeypatch.setattr(knn, "_FEW", 1)
    found = []
    for fast in (False, True):
        monkeypatch.setattr(knn, "multiplies_bf16", lambda fast=fast: fast)
        found.append(knn.neighbours(queries, bank, 30))
    torch.testing.assert_close(found[0].similarity, found[1].similarity, atol=2e-6, rtol=0)
    if kind == "plain":
        assert torch.equal(found[0].row, found[1].row)


def test_a_query_that_is_in_doubt_is_compared_with_all_rows(monkeypatch):
    """The nearest row of the first query is none of the candidates."""
    monkeypatch.setattr(knn, "_FEW", 1)
    monkeypatch.setattr(knn, "multiplies_bf16", lambda: True)
    bank = bank_like("plain", 300, 8, seed=2)

    def nearest(queries, bank, k, **_):
        rows = torch.zeros(len(queries), k, dtype=torch.int64)
        return coarse.Found(torch.zeros(len(queries), k), rows, torch.arange(len(queries)) > 0)

    monkeypatch.setattr(knn, "nearest", nearest)
    found = knn.neighbours(bank[5:7], bank, 3)
    assert found.row[0, 0] == 5 and found.similarity[0, 0] > 0.999
    assert found.row[1].tolist() == [0, 0, 0]
