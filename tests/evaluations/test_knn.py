import pytest

from twofold.evaluations.knn import Knn
from twofold.metrics.knn import knn_accuracy


def test_each_number_of_neighbours_is_judged(embedded):
    given = embedded()
    scores = [score for score in Knn(neighbours=(20, 1))(given) if score.metric == "accuracy"]
    for score, k in zip(scores, (20, 1), strict=True):
        expected = knn_accuracy(given.fit, given.fit_labels, given.judge, given.judge_labels, k=k)
        assert score.value == pytest.approx(expected)
        assert score.protocol["k"] == k
        assert score.low < score.value < score.high


def test_more_neighbours_than_images_are_recorded_as_what_they_are(embedded):
    first = next(Knn()(embedded(count=60)))
    assert first.protocol["k"] == 60


def test_the_protocol_tells_data_and_split(embedded):
    protocol = next(Knn()(embedded())).protocol
    assert protocol["split"] == "fitted on train, judged on test"
    assert (protocol["fit_images"], protocol["judge_images"]) == (300, 200)
    assert protocol["fingerprint"] == "f1"
