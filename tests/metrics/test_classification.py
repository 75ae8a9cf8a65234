import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from twofold.metrics import classification
from twofold.metrics.intervals import wilson


def judged(count=400, classes=6, right=0.7, seed=0):
    """Labels, and predictions of which a share is right; classes are of very different size."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, count, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    guesses = np.where(random.random(count) < right, labels, random.integers(0, classes, count))
    return torch.from_numpy(labels), torch.from_numpy(guesses)


def test_confusion_has_true_classes_as_rows():
    labels, predictions = judged()
    matrix = classification.confusion(labels, predictions, 6)
    assert (matrix.numpy() == sklearn_metrics.confusion_matrix(labels, predictions)).all()


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed):
    labels, predictions = judged(seed=seed)
    matrix = classification.confusion(labels, predictions, 6)
    recall = sklearn_metrics.recall_score(labels, predictions, average=None)
    assert classification.accuracy(matrix).value == sklearn_metrics.accuracy_score(labels, predictions)
    assert [one.value for one in classification.recalls(matrix)] == pytest.approx(recall.tolist())
    f1 = sklearn_metrics.f1_score(labels, predictions, average="macro")
    assert classification.macro_f1(matrix).value == pytest.approx(f1)


def test_classes_that_do_not_occur_do_not_count():
    labels, predictions = torch.tensor([0, 0, 3, 3]), torch.tensor([0, 3, 3, 4])
    matrix = classification.confusion(labels, predictions, 7)
    expected = sklearn_metrics.f1_score(labels, predictions, average="macro")  # classes 0, 3 and 4
    assert classification.macro_f1(matrix).value == pytest.approx(expected)
    recalls = classification.recalls(matrix)
    assert [one is None for one in recalls] == [False, True, True, False, True, True, True]


def test_the_interval_of_a_class_depends_on_its_own_number_of_images():
    labels = torch.tensor([0] * 1000 + [1] * 10)
    predictions = torch.tensor([0] * 500 + [1] * 505 + [0] * 5)
    large, small = classification.recalls(classification.confusion(labels, predictions, 2))
    assert large.value == small.value == 0.5
    assert small == wilson(5, 10)
    assert small.high - small.low > 5 * (large.high - large.low)


def test_the_interval_of_macro_f1_is_that_of_a_plain_bootstrap():
    labels, predictions = judged(count=150)
    random = np.random.default_rng(1)
    slow = []
    for _ in range(200):
        rows = random.integers(0, 150, 150)
        slow.append(sklearn_metrics.f1_score(labels[rows], predictions[rows], average="macro"))
    estimate = classification.macro_f1(classification.confusion(labels, predictions, 6))
    assert [estimate.low, estimate.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.02)


def test_the_interval_of_macro_f1_covers_the_truth():
    truth_labels, truth_predictions = judged(count=200_000, seed=99)
    truth = sklearn_metrics.f1_score(truth_labels, truth_predictions, average="macro")
    covered = 0
    for seed in range(200):
        matrix = classification.confusion(*judged(count=300, seed=seed), 6)
        estimate = classification.macro_f1(matrix, draws=300)
        covered += estimate.low <= truth <= estimate.high
    assert covered >= 0.88 * 200


def test_no_error_among_few_images_is_not_certainty():
    labels = torch.arange(20) % 4
    estimate = classification.macro_f1(classification.confusion(labels, labels, 4))
    assert estimate == wilson(20, 20)
    assert estimate.low < 0.9


def test_the_bootstrap_is_repeatable_and_quick_with_many_classes():
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.integers(0, 1000, 20_000))
    predictions = torch.where(torch.rand(20_000) < 0.6, labels, torch.randint(0, 1000, (20_000,)))
    matrix = classification.confusion(labels, predictions, 1000)
    assert classification.macro_f1(matrix, draws=100) == classification.macro_f1(matrix, draws=100)
