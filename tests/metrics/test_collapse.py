import math

import pytest
import torch
from torch.nn import functional

from twofold.metrics import collapse


def slow_rank(embedding):
    """Equation 1 of RankMe, by the singular values themselves."""
    singular = torch.linalg.svdvals(embedding.double())
    total = float(singular.sum())
    shares = [float(value) / total + 1e-7 for value in singular]
    return math.exp(-sum(share * math.log(share) for share in shares))


def slow_uniformity(embedding, t):
    unit = functional.normalize(embedding.double(), dim=1)
    pairs = [
        math.exp(-t * float((unit[i] - unit[j]).square().sum()))
        for i in range(len(unit))
        for j in range(i + 1, len(unit))
    ]
    return math.log(sum(pairs) / len(pairs))


@pytest.mark.parametrize("shape", [(200, 16), (16, 200), (64, 64)])
def test_effective_rank_is_that_of_the_paper(shape):
    embedding = torch.randn(shape) * torch.logspace(0, -4, shape[1])
    assert collapse.effective_rank(embedding) == pytest.approx(slow_rank(embedding), rel=1e-4)


def test_effective_rank_counts_directions():
    on_a_line = torch.randn(500, 1) * torch.randn(1, 32)
    assert collapse.effective_rank(on_a_line) == pytest.approx(1, abs=0.01)
    assert collapse.effective_rank(torch.eye(32)) == pytest.approx(32, rel=1e-3)
    assert math.isfinite(collapse.effective_rank(torch.zeros(8, 4)))


def test_effective_rank_is_not_centred():
    """RankMe takes the embedding as it is: a common offset is a direction."""
    embedding = torch.randn(1000, 8)
    assert collapse.effective_rank(embedding + 100) < 2
    assert collapse.effective_rank(embedding) > 7.9


def test_spread_is_one_on_a_full_sphere_and_zero_at_one_point():
    assert collapse.channel_spread(torch.randn(5000, 64)) == pytest.approx(1, abs=0.02)
    assert collapse.channel_spread(torch.ones(100, 64) * 3) == pytest.approx(0, abs=1e-6)


def test_spread_ignores_the_length_of_embeddings():
    embedding = torch.randn(300, 16)
    longer = embedding * torch.rand(300, 1).add(0.1)
    assert collapse.channel_spread(longer) == pytest.approx(collapse.channel_spread(embedding), rel=1e-5)


@pytest.mark.parametrize("t", [1.0, 2.0])
def test_uniformity_is_that_of_the_definition(t, monkeypatch):
    monkeypatch.setattr(collapse, "_BLOCK", 7)
    embedding = torch.randn(40, 5)
    assert collapse.uniformity(embedding, t) == pytest.approx(slow_uniformity(embedding, t), rel=1e-5)


def test_one_embedding_alone_has_no_uniformity():
    assert math.isnan(collapse.uniformity(torch.ones(1, 4)))


def test_uniformity_runs_from_zero_to_minus_two_t():
    assert collapse.uniformity(torch.ones(50, 8)) == pytest.approx(0, abs=1e-5)
    assert collapse.uniformity(torch.randn(500, 2000)) == pytest.approx(-4, abs=0.05)


def test_uniformity_of_many_rows_uses_rows_from_all_of_them(monkeypatch):
    monkeypatch.setattr(collapse, "_ROWS", 1000)
    sorted_by_class = torch.cat([torch.randn(2000, 4) * 0.1 + axis for axis in 3 * torch.eye(4)])
    sampled = collapse.uniformity(sorted_by_class)
    monkeypatch.setattr(collapse, "_ROWS", 10_000)
    assert sampled == pytest.approx(collapse.uniformity(sorted_by_class), abs=0.02)


def test_alignment_is_two_minus_twice_the_cosine():
    one, other = torch.randn(100, 6), torch.randn(100, 6)
    cosines = functional.cosine_similarity(one.double(), other.double())
    assert collapse.alignment(one, other) == pytest.approx(float((2 - 2 * cosines).mean()), rel=1e-5)
    assert collapse.alignment(one, 7 * one) == pytest.approx(0, abs=1e-6)
    expected = float((2 - 2 * cosines).sqrt().mean())
    assert collapse.alignment(one, other, alpha=1) == pytest.approx(expected, rel=1e-5)


def test_half_types_are_measured_in_float32():
    embedding = torch.randn(64, 32)
    half = embedding.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert collapse.uniformity(half) == collapse.uniformity(half.float())
        assert collapse.channel_spread(half) == collapse.channel_spread(half.float())


@pytest.mark.parametrize("shape", [(40, 9), (9, 40)])
def test_singular_values_are_those_of_the_matrix_the_largest_first(shape):
    embedding = torch.randn(shape)
    torch.testing.assert_close(collapse.singular_values(embedding), torch.linalg.svdvals(embedding.double()))
