"""Distances to the training data."""

import torch
from torch.nn import functional as F

from twofold.apply import distance
from twofold.apply.distance import Distance


def test_the_distance_is_one_minus_the_mean_cosine_to_the_five_nearest() -> None:
    features, queries = torch.randn(40, 8), torch.randn(9, 8)
    told = Distance.measured(features, features, queries, seed=0)(queries)
    for query, value in zip(queries, told, strict=True):
        cosines = sorted(F.cosine_similarity(query[None], features).tolist())[-5:]
        assert abs(value.item() - (1 - sum(cosines) / 5)) < 1e-5


def test_an_image_seen_five_times_is_at_no_distance_and_never_below() -> None:
    features = torch.randn(3, 8).repeat(5, 1)
    told = Distance.measured(features, features, features, seed=0)(features * 7)
    assert (told >= 0).all()
    assert told.max() < 1e-5


def test_the_percentile_counts_the_held_out_images_that_were_nearer() -> None:
    measure = Distance(torch.eye(4), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    told = measure.percentile(torch.tensor([0.05, 0.25, 0.4, 0.9]))
    assert told.tolist() == [0, 50, 75, 100]


def test_what_is_usual_comes_from_held_out_images_not_from_fitted_ones() -> None:
    fitted = F.normalize(torch.randn(200, 8) + torch.tensor([4.0] + [0.0] * 7), dim=1)
    held_out = F.normalize(torch.randn(100, 8) + torch.tensor([4.0] + [0.0] * 7), dim=1)
    measure = Distance.measured(torch.cat([fitted, held_out]), fitted, held_out, seed=0)
    fresh = F.normalize(torch.randn(100, 8) + torch.tensor([4.0] + [0.0] * 7), dim=1)
    assert 25 < measure.percentile(measure(fresh)).median() < 75
    strange = -fresh
    assert measure.percentile(measure(strange)).min() == 100


def test_usual_is_how_far_held_out_images_are_from_fitted_ones() -> None:
    fitted, held_out = torch.eye(16)[:8], torch.eye(16)[8:]
    assert torch.equal(Distance.measured(torch.eye(16), fitted, held_out, seed=0).usual, torch.ones(8))


def test_fewer_than_five_images_are_enough() -> None:
    measure = Distance.measured(torch.eye(3), torch.eye(3)[:2], torch.eye(3)[2:], seed=0)
    assert torch.allclose(measure(torch.eye(3)), torch.full((3,), 2 / 3))


def test_of_many_images_a_fixed_number_is_kept(monkeypatch) -> None:
    monkeypatch.setattr(distance, "MOST_KEPT", 10)
    features = torch.randn(50, 4)
    kept = [Distance.measured(features, features, features[:5], seed).features for seed in (0, 0, 1)]
    assert len(kept[0]) == 10
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])
