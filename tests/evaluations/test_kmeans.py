import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from twofold.core.errors import TwofoldError
from twofold.evaluations import _kmeans
from twofold.evaluations._kmeans import kmeans, nearest


def blobs(count=600, width=8, middles=5, distance=20.0, seed=0):
    random = torch.Generator().manual_seed(seed)
    places = torch.randn(middles, width, generator=random) * distance
    owner = torch.arange(count) % middles
    return places[owner] + torch.randn(count, width, generator=random), owner


def found(x, count, starts=3, seed=0):
    return kmeans(x, count, starts=starts, random=np.random.default_rng(seed))


def test_blobs_are_found():
    x, owner = blobs()
    cluster = nearest(x, found(x, 5).centres)
    assert {tuple(pair) for pair in torch.stack([owner, cluster], 1).tolist()} == {
        (name, int(cluster[name])) for name in range(5)
    }
    assert len(cluster.unique()) == 5


def test_from_the_same_start_scikit_learn_comes_to_the_same():
    x, _ = blobs(distance=1.0)
    start = x[:7]
    slow = KMeans(7, init=start.numpy(), n_init=1, tol=0, max_iter=1000).fit(x.double().numpy())
    ours = _kmeans._lloyd(x, start)
    assert ours.inertia == pytest.approx(slow.inertia_, rel=1e-3)
    expected = (x - ours.centres[nearest(x, ours.centres)]).square().sum().item()
    assert ours.inertia == pytest.approx(expected, rel=1e-5)


def test_of_many_rows_it_is_as_tight_as_scikit_learn(monkeypatch):
    monkeypatch.setattr(_kmeans, "_SOME", 300)
    x, _ = blobs(count=4000, distance=1.5)
    slow = KMeans(5, n_init=3, random_state=0).fit(x.numpy())
    ours = found(x, 5)
    assert ours.inertia == pytest.approx(slow.inertia_, rel=0.01)
    assert len(nearest(x, ours.centres)) == 4000


def test_more_starts_are_no_worse():
    x, _ = blobs(middles=12, distance=3.0)
    assert found(x, 12, starts=10).inertia <= found(x, 12, starts=1).inertia


def test_parts_change_nothing(monkeypatch):
    x, _ = blobs(distance=1.0)
    whole = found(x, 6)
    monkeypatch.setattr(_kmeans, "_DISTANCES", 100)
    parts = found(x, 6)
    torch.testing.assert_close(whole.centres, parts.centres)
    assert torch.equal(nearest(x, whole.centres), nearest(x, parts.centres))


def test_the_seed_decides():
    x, _ = blobs(distance=0.5)
    one, same, other = (found(x, 6, starts=1, seed=seed).centres for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_fewer_places_than_centres_do_no_harm():
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(20, 1)
    clustering = found(x, 5)
    assert clustering.centres.isfinite().all()
    assert clustering.inertia == pytest.approx(0, abs=1e-5)
    assert len(nearest(x, clustering.centres).unique()) == 2


def test_more_centres_than_rows_are_refused():
    with pytest.raises(TwofoldError, match="3 vectors do not make 4 clusters"):
        found(torch.randn(3, 2), 4)
