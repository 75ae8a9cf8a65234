import dataclasses

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError
from twofold.evaluations.clusters import Clusters


def by_metric(scores):
    return {score.metric: score for score in scores}


def test_clusters_are_the_classes_where_these_lie_apart(embedded):
    scores = by_metric(Clusters()(embedded(distance=60.0)))
    assert list(scores) == list(Clusters.shown)
    assert all(score.value == 1.0 for score in scores.values())
    assert all(score.low < 1.0 for score in scores.values())  # 200 images do not prove it


def test_better_features_agree_more_and_noise_does_not(embedded):
    noise, poor, good = (
        by_metric(Clusters()(embedded(distance=distance)))["ari"] for distance in (0.0, 2.0, 3.5)
    )
    assert abs(noise.value) < 0.03
    assert noise.high < poor.value < good.value
    assert poor.low < poor.value < poor.high


def test_as_many_clusters_as_classes_unless_told(embedded):
    given = embedded(classes=4, distance=0.0)
    assert next(Clusters()(given)).protocol["clusters"] == 4
    many = by_metric(Clusters(clusters=20)(given))
    assert many["nmi"].protocol["clusters"] == 20
    few = by_metric(Clusters()(given))
    assert many["purity"].value > few["purity"].value + 0.02  # of noise: why equal numbers are compared


def test_every_repeat_is_another_clustering_and_all_are_told(embedded):
    nmi = by_metric(Clusters(starts=1, repeats=4)(embedded(distance=1.5)))["nmi"]
    assert len(set(nmi.protocol["found"]["values"])) > 1
    assert nmi.value == pytest.approx(np.mean(nmi.protocol["found"]["values"]))
    assert nmi.protocol["found"]["spread"] == pytest.approx(np.std(nmi.protocol["found"]["values"], ddof=1))


def test_labels_of_the_fitted_images_are_not_looked_at(embedded):
    given = embedded(distance=2.5)
    labels = np.random.default_rng(0).permutation(given.task.fit.labels)
    fit = dataclasses.replace(given.task.fit, labels=labels)
    blind = given._replace(task=dataclasses.replace(given.task, fit=fit))
    assert list(Clusters()(blind)) == list(Clusters()(given))


def test_the_centres_are_those_of_the_fitted_images(embedded):
    given = embedded(distance=60.0)
    blind = given._replace(fit=torch.ones_like(given.fit))
    assert by_metric(Clusters()(blind))["nmi"].value == pytest.approx(0, abs=1e-9)


def test_the_length_of_a_feature_does_not_count(embedded):
    given = embedded(distance=2.5)
    lengths = torch.rand(len(given.fit), 1, generator=torch.Generator().manual_seed(0)) + 0.1
    longer = given._replace(fit=given.fit * lengths)
    one, other = (by_metric(Clusters()(each))["nmi"].value for each in (given, longer))
    assert one == pytest.approx(other, abs=1e-3)


def test_a_collapsed_encoder_tells_nothing(embedded):
    given = embedded()
    same = given._replace(fit=torch.ones_like(given.fit), judge=torch.ones_like(given.judge))
    scores = by_metric(Clusters()(same))
    assert scores["nmi"].value == pytest.approx(0, abs=1e-9)
    assert scores["ari"].value == pytest.approx(0, abs=1e-9)
    assert scores["purity"].value == pytest.approx(1 / 4)


def test_more_clusters_than_images_are_refused(embedded):
    with pytest.raises(TwofoldError, match="do not make 500 clusters"):
        list(Clusters(clusters=500)(embedded()))
