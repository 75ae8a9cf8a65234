import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from twofold.metrics.agreement import agreement
from twofold.metrics.intervals import wilson


def random_table(seed, n=400, classes=6, clusters=5, told=0.5):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    known = random.random(n) < told
    return labels, np.where(known, labels % clusters, random.integers(0, clusters, n))


def of(labels, clusters):
    return agreement(torch.as_tensor(labels), torch.as_tensor(clusters))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("classes", "clusters"), [(6, 5), (3, 40), (40, 3), (2, 1)])
def test_values_are_those_of_scikit_learn(seed, classes, clusters):
    labels, found = random_table(seed, classes=classes, clusters=clusters)
    nmi, ari, purity = of(labels, found)
    assert nmi.value == pytest.approx(normalized_mutual_info_score(labels, found), abs=1e-9)
    assert ari.value == pytest.approx(adjusted_rand_score(labels, found), abs=1e-9)
    assert purity.value == pytest.approx(contingency_matrix(labels, found).max(0).sum() / len(labels))


def test_clusters_that_are_the_classes_by_other_numbers_agree_wholly():
    labels = np.random.default_rng(0).integers(0, 4, 60)
    assert of(labels, 7 - 2 * labels) == (wilson(60, 60),) * 3


def test_one_cluster_tells_nothing():
    nmi, ari, purity = of(np.arange(60) % 3, np.zeros(60, int))
    assert nmi.value == pytest.approx(0, abs=1e-12)
    assert ari.value == pytest.approx(0, abs=1e-12)
    assert purity.value == pytest.approx(1 / 3)


def test_clusters_at_random_agree_no_better_than_chance_by_the_adjusted_index():
    values = [of(*random_table(seed, told=0.0)).ari.value for seed in range(200)]
    assert abs(np.mean(values)) < 0.001
    assert min(values) < 0


def test_intervals_are_as_wide_as_the_figures_spread_over_other_images():
    """Of many sets of images of one distribution, all intervals together against the spread of the values."""
    found = [of(*random_table(seed, n=500)) for seed in range(400)]
    for estimates in zip(*found, strict=True):
        half = np.mean([one.high - one.low for one in estimates]) / 2
        assert half == pytest.approx(1.96 * np.std([one.value for one in estimates]), rel=0.15)
        assert all(one.low < one.value < one.high for one in estimates)
