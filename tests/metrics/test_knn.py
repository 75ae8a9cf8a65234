import math

import pytest
import torch

from twofold.metrics import knn


def slow_predictions(bank, labels, queries, classes, k, temperature):
    """One query at a time, in float64, with full sorting."""
    bank, queries = bank.double(), queries.double()
    bank = bank / bank.norm(dim=1, keepdim=True)
    found = []
    for query in queries / queries.norm(dim=1, keepdim=True):
        cosines = [(float(query @ row), int(label)) for row, label in zip(bank, labels, strict=True)]
        votes = [0.0] * classes
        for cosine, label in sorted(cosines, key=lambda pair: -pair[0])[:k]:
            votes[label] += math.exp(cosine / temperature)
        found.append(votes.index(max(votes)))
    return torch.tensor(found)


@pytest.mark.parametrize("k", [1, 5, 40, 1000])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_votes_are_those_of_the_definition(k, temperature):
    bank, labels = torch.randn(300, 16), torch.randint(0, 7, (300,))
    queries = torch.randn(50, 16)
    near = knn.neighbours(queries, bank, k)
    predictions = knn.vote(near, labels, 7, temperature)
    assert torch.equal(predictions, slow_predictions(bank, labels, queries, 7, k, temperature))


def test_blocks_change_nothing(monkeypatch):
    bank, queries = torch.randn(333, 8), torch.randn(45, 8)
    whole = knn.neighbours(queries, bank, 60)
    monkeypatch.setattr(knn, "_QUERIES", 10)
    monkeypatch.setattr(knn, "_BANK", 50)  # a block has fewer rows than neighbours are asked for
    in_blocks = knn.neighbours(queries, bank, 60)
    assert torch.equal(whole.row, in_blocks.row)
    torch.testing.assert_close(whole.similarity, in_blocks.similarity)


def test_the_nearest_comes_first_and_is_measured_by_angle_not_length():
    bank = torch.tensor([[100.0, 100.0], [0.1, 0.0], [0.0, 1.0]])
    near = knn.neighbours(torch.tensor([[5.0, 0.1]]), bank, 2)
    assert near.row.tolist() == [[1, 0]]
    assert near.similarity[0, 0] > 0.99


def test_one_very_near_neighbour_outweighs_two_far_ones_only_at_low_temperature():
    bank = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]])
    labels = torch.tensor([0, 1, 1])
    near = knn.neighbours(torch.tensor([[1.0, 0.0]]), bank, 3)
    assert knn.vote(near, labels, 2, temperature=0.07).item() == 0
    assert knn.vote(near, labels, 2, temperature=10.0).item() == 1


def test_no_more_neighbours_than_the_bank_has():
    near = knn.neighbours(torch.randn(4, 3), torch.randn(6, 3), 200)
    assert near.row.shape == (4, 6)
    assert near.row.sort(dim=1).values.tolist() == [list(range(6))] * 4


def test_a_collapsed_embedding_scores_no_better_than_one_class():
    labels = torch.arange(10) % 5
    features = torch.zeros(10, 4)
    assert knn.knn_accuracy(features, labels, features, labels, k=10) == pytest.approx(0.2)


def test_half_types_are_compared_in_float32():
    bank = torch.nn.functional.normalize(torch.randn(400, 32), dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        near = knn.neighbours(bank[:20], bank, 10)
    assert near.similarity.dtype == torch.float32
    assert torch.equal(near.row, knn.neighbours(bank[:20], bank, 10).row)
    assert knn.neighbours(bank.double(), bank.double(), 1).similarity.dtype == torch.float64


def test_accuracy_of_an_image_with_itself_is_one():
    features, labels = torch.randn(30, 5), torch.randint(0, 3, (30,))
    assert knn.knn_accuracy(features, labels, features, labels, k=1) == 1.0
