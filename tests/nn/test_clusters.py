import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import draw
from twofold.core.errors import UsageError
from twofold.nn import clusters
from twofold.nn.clusters import Clusters, spherical_kmeans


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slow_spherical_kmeans(x: Tensor, count: int, iterations: int, seed: int) -> tuple[Tensor, Tensor]:
    """The released code of arXiv:2006.09882 (cluster_memory), row by row."""
    centroids = [x[row] for row in torch.randperm(len(x), generator=generator(seed))[:count]]
    for turn in range(iterations + 1):
        members: list[list[Tensor]] = [[] for _ in range(count)]
        chosen = []
        for row in x:
            cosines = [float(row @ c) for c in centroids]
            chosen.append(cosines.index(max(cosines)))
            members[chosen[-1]].append(row)
        if turn == iterations:
            break
        for k, rows in enumerate(members):
            if rows:
                mean = torch.stack(rows).sum(dim=0) / len(rows)
                centroids[k] = mean / mean.norm()
    return torch.stack(centroids), torch.tensor(chosen)


@settings(max_examples=25)
@given(
    rows=st.integers(1, 12),
    count=st.integers(1, 5),
    iterations=st.integers(0, 4),
    seed=st.integers(0, 999),
)
def test_kmeans_is_the_released_one(rows: int, count: int, iterations: int, seed: int) -> None:
    x = F.normalize(draw(max(rows, count), 4, seed=seed), dim=1)
    centroids, nearest = spherical_kmeans(x, count, iterations, generator(seed))
    expected, chosen = slow_spherical_kmeans(x, count, iterations, seed)
    torch.testing.assert_close(centroids, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(nearest, chosen)


def test_groups_that_lie_apart_are_found() -> None:
    centres = F.normalize(draw(4, 16, seed=0), dim=1)
    x = F.normalize(centres.repeat(50, 1) + 0.01 * draw(200, 16, seed=1), dim=1)
    found, nearest = max(
        (spherical_kmeans(x, 4, 10, generator(seed)) for seed in range(8)),
        key=lambda result: float((x * result[0][result[1]]).sum()),
    )
    assert sorted((centres @ found.T).argmax(dim=1).tolist()) == [0, 1, 2, 3]
    assert len(set(nearest[::4].tolist())) == 1


def test_a_cluster_that_is_empty_keeps_its_centroid() -> None:
    x = F.normalize(torch.ones(6, 3), dim=1)  # all alike: the first of two centroids takes every row
    centroids, nearest = spherical_kmeans(x, 2, 3, generator())
    assert not nearest.any()
    torch.testing.assert_close(centroids, x[:2])


def test_many_rows_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = F.normalize(draw(23, 4, seed=0), dim=1)
    whole = spherical_kmeans(x, 3, 5, generator())
    monkeypatch.setattr(clusters, "_AT_ONCE", 5)
    assert all(torch.equal(a, b) for a, b in zip(whole, spherical_kmeans(x, 3, 5, generator()), strict=True))


def test_more_clusters_than_images_are_refused() -> None:
    with pytest.raises(UsageError, match="--prototypes 3 or less"):
        spherical_kmeans(torch.eye(3), 4, 1, generator())


def make() -> Clusters:
    torch.manual_seed(0)
    return Clusters(8, 4, memories=2, clusterings=3, count=3)


def test_the_memory_takes_unit_vectors_and_only_after_the_step() -> None:
    made, z = make(), draw(2, 3, 4, seed=0).float()
    items = torch.tensor([6, 0, 3])
    made.stage(items, z)
    assert not made.memory.any()
    made.write()
    torch.testing.assert_close(made.memory[:, items], F.normalize(z, dim=-1))
    assert not made.memory[:, [1, 2, 4, 5, 7]].any()
    made.remember(items, torch.ones(2, 3, 4))
    made.write()  # what was staged was written once
    assert torch.equal(made.memory[:, items], torch.full((2, 3, 4), 0.5))


def test_clusterings_read_the_memories_in_turn_and_start_apart() -> None:
    made = make()
    made.remember(torch.arange(8), draw(2, 8, 4, seed=1).float())
    made.find(5, seed=7)
    for c, memory in enumerate((0, 1, 0)):
        centroids, nearest = spherical_kmeans(made.memory[memory], 3, 5, generator(7 * 3 + c))
        assert torch.equal(made.prototypes[c], centroids)
        assert torch.equal(made.assigned[c], nearest)
    assert not torch.equal(made.prototypes[0], made.prototypes[2])


def test_until_the_first_kmeans_items_are_dealt_out() -> None:
    made = make()
    assert made.assigned.tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]] * 3
    assert math.isclose(made.prototypes.norm(dim=-1).mean().item(), 1, rel_tol=1e-6)
