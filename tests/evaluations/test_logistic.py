import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression as SlowRegression

from twofold.core.errors import TwofoldError
from twofold.evaluations._lbfgs import minimise
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._skinny import Rows


def problem(count, width, classes, seed=0):
    """Correlated features, and labels that they tell in part."""
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=random) / width**0.5
    features = torch.randn(count, width, generator=random) @ mix
    logits = features @ torch.randn(width, classes, generator=random)
    noise = torch.randn(count, classes, generator=random)
    return features, (logits + noise).argmax(1)


def objective(features, labels, weight, bias, l2):
    """The definition, in float64."""
    weight, bias = torch.as_tensor(weight).double(), torch.as_tensor(bias).double()
    loss = torch.nn.functional.cross_entropy(features.double() @ weight.T + bias, labels)
    return float(loss + l2 / 2 * weight.square().sum())


@pytest.mark.parametrize("l2", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize(("count", "width", "classes"), [(1500, 20, 5), (50, 120, 3)])
def test_the_solution_is_that_of_scikit_learn(count, width, classes, l2):
    features, labels = problem(count, width, classes)
    slow = SlowRegression(C=1 / (count * l2), tol=1e-9, max_iter=5000)
    slow.fit(features.double().numpy(), labels.numpy())
    fast = LogisticRegression(features, labels, classes).fit(l2)
    least = objective(features, labels, slow.coef_, slow.intercept_, l2)
    assert objective(features, labels, *fast, l2) == pytest.approx(least, abs=2e-7)
    assert torch.tensor(slow.predict(features.numpy())).eq(fast.predict(features)).double().mean() > 0.998
    if count > width:
        scale = np.abs(slow.coef_).max()
        assert np.abs(fast.weight.numpy() - slow.coef_).max() < 2e-3 * scale


def test_it_generalises_as_well_as_scikit_learn():
    features, labels = problem(6000, 40, 8)
    fit, judge = slice(0, 3000), slice(3000, 6000)
    slow = SlowRegression(C=1 / (3000 * 1e-3), max_iter=5000).fit(features[fit].numpy(), labels[fit].numpy())
    fast = LogisticRegression(features[fit], labels[fit], 8).fit(1e-3)
    accuracy = fast.predict(features[judge]).eq(labels[judge]).double().mean().item()
    assert accuracy == pytest.approx(slow.score(features[judge].numpy(), labels[judge].numpy()), abs=0.002)


def test_where_it_starts_does_not_matter():
    features, labels = problem(400, 10, 4)
    regression = LogisticRegression(features, labels, 4)
    other = regression.fit(1e-4)
    torch.testing.assert_close(
        regression.fit(1e-2, other).weight, regression.fit(1e-2).weight, atol=2e-3, rtol=0
    )


def test_a_class_without_images_is_never_predicted():
    features, labels = problem(200, 6, 3)
    assert LogisticRegression(features, labels, 5).fit(1e-3).predict(features).max() <= 2


def test_dead_and_repeated_channels_do_no_harm():
    features, labels = problem(300, 5, 3)
    padded = torch.cat([features, features, torch.zeros(300, 4)], dim=1)
    classifier = LogisticRegression(padded, labels, 3).fit(1e-3)
    assert torch.isfinite(classifier.weight).all()
    assert classifier.predict(padded).eq(labels).double().mean() > 0.8


def test_float64_stays_float64_and_autocast_does_not_reach_it():
    features, labels = problem(200, 6, 3)
    assert LogisticRegression(features.double(), labels, 3).fit(0.1).weight.dtype == torch.float64
    plain = LogisticRegression(features, labels, 3).fit(0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(LogisticRegression(features, labels, 3).fit(0.1).weight, plain.weight)


def test_correlated_features_take_few_passes():
    """What the preconditioner is for: plain L-BFGS takes more than ten times as many."""
    features, labels = problem(2000, 30, 5)
    stretched = features * torch.logspace(0, 2, 30)
    passes = 0
    regression = LogisticRegression(stretched, labels, 5)
    whole = regression._cross_entropy

    def counted(at):
        nonlocal passes
        passes += 1
        return whole(at)

    regression._cross_entropy = counted
    regression.fit(1e-4)
    assert passes < 80


def test_minimise_finds_the_bottom_of_a_stretched_bowl():
    scales = torch.logspace(-2, 1, 12, dtype=torch.float64)
    bottom = torch.randn(12, dtype=torch.float64)

    def bowl(point):
        return float((scales * (point - bottom).square()).sum() / 2), scales * (point - bottom)

    found = minimise(bowl, torch.zeros(12, dtype=torch.float64), steps=200, tolerance=1e-14)
    torch.testing.assert_close(found, bottom, atol=1e-5, rtol=0)


def test_minimise_stops_where_it_stands_at_the_bottom():
    start = torch.zeros(3)
    assert minimise(lambda x: (0.0, torch.zeros(3)), start, steps=5, tolerance=1e-8) is start


@pytest.mark.parametrize("l2", [1e-4, 1e-6, 1e-9])
def test_features_of_a_collapsed_encoder_are_fitted_as_the_line_that_they_are(l2):
    """512 channels that are multiples of one: rounding makes their second moments indefinite."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(1500) % 4
    line = torch.randn(1500, 1, generator=random) + 0.3 * labels[:, None]
    line = (line - line.mean()) / line.std()
    wide = line @ torch.randn(1, 512, generator=random).sign()
    one, many = (LogisticRegression(x, labels, 4).fit(l2).predict(x) for x in (line, wide))
    assert (one == many).float().mean() > 0.99


def test_features_whose_squares_overflow_are_told():
    with pytest.raises(TwofoldError, match="too large"):
        LogisticRegression(torch.full((20, 4), 1e30), torch.arange(20) % 2, 2).fit(1e-2)


@pytest.mark.parametrize("strength", [1e2, 1e6])
def test_a_strong_penalty_is_fitted_as_well_as_a_weak_one(strength):
    """It leaves but one step from zero: against the gradient there, over the strength."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 3
    features = torch.randn(600, 8, generator=random) + 0.1 * torch.randn(3, 8, generator=random)[labels]
    features -= features.mean(0)
    found = LogisticRegression(features, labels, 3).fit(strength, tolerance=1e-6)
    residual = torch.nn.functional.one_hot(labels, 3) - 1 / 3
    one_step = residual.T @ features / len(features) / strength
    assert (found.weight - one_step).norm() < 0.1 * one_step.norm()


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("count", [1, 1023, 1024, 3000])
def test_products_of_many_rows_are_the_usual_ones(count, amx, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    random = torch.Generator().manual_seed(0)
    rows, few = torch.randn(count, 7, generator=random), torch.randn(3, 7, generator=random)
    weights = torch.randn(3, count, generator=random)
    torch.testing.assert_close(Rows(rows, 3).times(few), few @ rows.T)
    torch.testing.assert_close(Rows(rows, 3).weighted(weights), weights @ rows, atol=1e-4, rtol=1e-4)


def test_products_of_many_classes_hold_no_sum_of_each_chunk(monkeypatch):
    """Of a million images and a thousand classes these would take gigabytes."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    shapes, real = [], torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda *of: shapes.append(of[0].shape) or real(*of))
    for classes, chunks in ((10, 3), (100, 0)):
        shapes.clear()
        Rows(torch.zeros(3000, 7), classes).weighted(torch.zeros(classes, 3000))
        assert [shape[0] + 1 for shape in shapes] == [chunks] * bool(chunks)
