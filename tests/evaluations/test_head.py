"""The heads of classifiers."""

import pytest
import torch
from torch.nn import functional as F

from twofold.evaluations._head import fit_linear, fit_mlp
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._standardise import standardised
from twofold.nn.class_network import new_head


def clusters(each: int = 20, width: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Three clusters on channels of very different means and scales."""
    labels = torch.arange(3).repeat(each)
    features = F.one_hot(labels, width).float() * 3 + torch.randn(3 * each, width)
    return features * torch.logspace(-2, 2, width) + torch.logspace(2, -2, width), labels


def test_the_linear_head_is_the_evaluations_probe() -> None:
    features, labels = clusters()
    inputs, others = standardised(features, features[:7] * 1.1)
    probe = LogisticRegression(inputs, labels, 3).fit(1e-2)
    logits = fit_linear(features, labels, 3, 1e-2)(features[:7] * 1.1)
    assert torch.allclose(logits, others @ probe.weight.T + probe.bias, atol=1e-3)


def test_channels_of_a_few_images_are_scaled_as_those_of_many() -> None:
    features, labels = clusters()
    few = torch.tensor([0, len(features) - 1])
    head = fit_linear(features[few], labels[few] // 2, 2, 1e-2, scaled_like=features)
    inputs, others = standardised(features, features[few])
    assert torch.allclose(head[0](features), inputs, atol=1e-3)
    probe = LogisticRegression(others, labels[few] // 2, 2).fit(1e-2)
    assert torch.allclose(head(features), inputs @ probe.weight.T + probe.bias, atol=1e-3)


def test_the_mlp_separates_what_no_line_can() -> None:
    features = torch.randn(400, 8)
    labels = ((features[:, 0] * features[:, 1]) > 0).long()
    right = {
        "linear": fit_linear(features, labels, 2, 1e-3)(features).argmax(1) == labels,
        "mlp": fit_mlp(features, labels, 2, seed=0)(features).argmax(1) == labels,
    }
    assert right["linear"].float().mean() < 0.7
    assert right["mlp"].float().mean() > 0.9


def test_the_mlp_depends_on_its_seed_and_on_nothing_else() -> None:
    features, labels = clusters()
    one = fit_mlp(features, labels, 3, seed=1)(features)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    assert torch.equal(one, fit_mlp(features, labels, 3, seed=1)(features))
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.equal(one, fit_mlp(features, labels, 3, seed=2)(features))


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_channels_that_never_vary_do_no_harm(kind: str) -> None:
    features, labels = clusters()
    features[:, -1] = 5.0
    fit = fit_linear if kind == "linear" else fit_mlp
    for flat in (features, torch.zeros_like(features)):
        assert fit(flat, labels, 3, 1)(flat).isfinite().all()


def test_a_new_head_takes_the_state_of_a_fitted_one() -> None:
    features, labels = clusters()
    head = fit_mlp(features, labels, 3, seed=0)
    copy = new_head("mlp", 6, 3)
    copy.load_state_dict(head.state_dict())
    assert torch.equal(copy(features), head(features))
