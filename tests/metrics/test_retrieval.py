import pytest
import torch

from twofold.metrics import retrieval
from twofold.metrics.retrieval import retrieve


def slow(features, labels, query):
    """One query in float64 with a sorted list: rank of the first, average precision, R-precision."""
    rows = [row / row.norm() for row in features.double()]
    others = [row for row in range(len(rows)) if row != query]
    others.sort(key=lambda row: -float(rows[row] @ rows[query]))
    right = [bool(labels[row] == labels[query]) for row in others]
    precisions = [sum(right[: place + 1]) / (place + 1) for place, hit in enumerate(right) if hit]
    total = sum(right)
    return right.index(True) + 1, sum(precisions) / total, sum(right[:total]) / total


def test_it_is_the_definition():
    features, labels = torch.randn(80, 6), torch.randint(0, 5, (80,))
    queries = torch.arange(0, 80, 3)
    found = retrieve(features, labels, queries)
    for place, query in enumerate(queries.tolist()):
        first, average_precision, r_precision = slow(features, labels, query)
        assert found.first[place] == first
        assert found.average_precision[place] == pytest.approx(average_precision, abs=1e-6)
        assert found.r_precision[place] == pytest.approx(r_precision, abs=1e-6)


def test_scikit_learn_finds_the_same_average_precision():
    from sklearn.metrics import average_precision_score

    features, labels = torch.randn(50, 4), torch.randint(0, 3, (50,))
    found = retrieve(features, labels, torch.tensor([7]))
    cosines = torch.nn.functional.cosine_similarity(features, features[7:8])
    others = torch.arange(50) != 7
    expected = average_precision_score(labels[others] == labels[7], cosines[others])
    assert found.average_precision.item() == pytest.approx(expected, abs=1e-6)


def test_blocks_change_nothing(monkeypatch):
    features, labels, queries = torch.randn(90, 5), torch.randint(0, 4, (90,)), torch.arange(90)
    whole = retrieve(features, labels, queries)
    monkeypatch.setattr(retrieval, "_AT_ONCE", 700)
    for one, other in zip(whole, retrieve(features, labels, queries), strict=True):
        assert torch.equal(one, other)


def test_an_image_does_not_find_itself():
    features = torch.eye(4)
    labels = torch.tensor([0, 1, 1, 0])
    found = retrieve(features, labels, torch.tensor([3]))
    assert found.first.item() == 1  # of three images at right angles, the first comes first
    assert found.average_precision.item() == 1
    assert retrieve(features, labels, torch.tensor([0])).average_precision.item() == pytest.approx(1 / 3)


def test_a_class_in_one_place_is_found_at_once():
    features = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    found = retrieve(features, torch.tensor([0, 0, 1, 1]), torch.arange(4))
    assert found.first.tolist() == [1] * 4
    assert found.average_precision.tolist() == found.r_precision.tolist() == [1.0] * 4
