"""The closed-form probe against gradient descent on the same objective, in float64."""

import pytest
import torch
from torch import Tensor

from twofold.metrics.ridge import ridge_accuracy


def clouds(n: int, d: int, classes: int, distance: float) -> tuple[Tensor, Tensor]:
    labels = torch.arange(n) % classes
    middles = distance * torch.randn(classes, d, generator=torch.Generator().manual_seed(1))
    return torch.randn(n, d) + middles[labels], labels


def slow_accuracy(bank: Tensor, labels: Tensor, queries: Tensor, wanted: Tensor, strength: float) -> float:
    """Mean squared error plus the penalty, descended until it stands."""
    mean, scale = bank.mean(0), ((bank - bank.mean(0)) ** 2).mean(0).sqrt()
    x, classes = (bank - mean) / scale, int(labels.max()) + 1
    y = torch.stack([(labels == c).double() for c in range(classes)], dim=1)
    weight, bias = torch.zeros(bank.shape[1], classes).double(), torch.zeros(classes).double()
    for _ in range(3000):
        error = (x @ weight + bias - y) / len(x)
        weight -= 0.1 * (x.T @ error + strength * weight)
        bias -= 0.1 * error.sum(0)
    said = ((queries - mean) / scale @ weight + bias).argmax(1)
    return float((said == wanted).double().mean())


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_it_is_the_least_of_its_objective(strength: float) -> None:
    bank, labels = clouds(60, 6, 4, 0.7)
    queries, wanted = clouds(200, 6, 4, 0.7)
    found = ridge_accuracy(bank, labels, queries, wanted, strength=strength)
    expected = slow_accuracy(bank.double(), labels, queries.double(), wanted, strength)
    assert found == pytest.approx(expected, abs=0.006)  # a query on the border may fall either way
    assert 0.4 < found < 0.95


def test_features_of_other_scales_and_places_are_as_good() -> None:
    bank, labels = clouds(60, 6, 4, 0.7)
    queries, wanted = clouds(200, 6, 4, 0.7)
    scale, place = torch.logspace(-2, 2, 6), 10 * torch.randn(6)
    moved = ridge_accuracy((bank + place) * scale, labels, (queries + place) * scale, wanted)
    assert moved == pytest.approx(ridge_accuracy(bank, labels, queries, wanted), abs=0.006)


def test_channels_that_stand_still_do_no_harm() -> None:
    bank, labels = clouds(60, 6, 4, 3.0)
    queries, wanted = clouds(200, 6, 4, 3.0)
    bank[:, 0], queries[:, 0] = 0.0, 1e9
    assert ridge_accuracy(bank, labels, queries, wanted) > 0.95


def test_with_fewer_rows_than_channels_it_still_has_an_answer() -> None:
    bank, labels = clouds(20, 64, 4, 3.0)
    queries, wanted = clouds(100, 64, 4, 3.0)
    assert ridge_accuracy(bank, labels, queries, wanted) > 0.9
