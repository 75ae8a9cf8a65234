import pytest
import torch
from torch import Tensor, nn

import tiny
from twofold.core.method import Method
from twofold.methods import vicreg
from twofold.objectives.redundancy import covariance_penalty, variance_hinge


def make(**changes: object) -> Method:
    return tiny.make_method("vicreg", torch.float64, **changes)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = vicreg.VICReg(tiny.make_encoder)
    linear = [layer for layer in method.projector if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [8192] * 3
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in method.projector) == 2
    assert (method.invariance, method.variance, method.covariance) == (25, 25, 1)


def terms(method: Method) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, and the distance, variance and covariance of both views that it is made of."""
    batch = tiny.make_batch(method, dtype=torch.float64)
    z1, z2 = (method.projector(method.encoder(view.pixels)) for view in batch.views)
    distance = sum((a - b).square().sum() for a, b in zip(z1, z2, strict=True)) / z1.numel()
    variance, covariance = (term(z1) + term(z2) for term in (variance_hinge, covariance_penalty))
    return method(batch, tiny.progress(0)).loss, distance, variance, covariance


@pytest.mark.parametrize("kappa", [0.5, 1.0])
def test_the_loss_is_the_weighted_sum_of_three_terms(kappa: float) -> None:
    loss, distance, variance, covariance = terms(make(kappa=kappa))
    assert loss.item() == pytest.approx((25 * distance + 25 * kappa * variance + covariance).item())


def test_variance_is_the_mean_of_both_views_unless_asked_for_their_sum() -> None:
    assert make().kappa == 0.5


def test_each_weight_is_that_of_its_term() -> None:
    loss, distance, variance, covariance = terms(
        make(invariance=2.0, variance=3.0, covariance=5.0, kappa=1.0)
    )
    assert loss.item() == pytest.approx((2 * distance + 3 * variance + 5 * covariance).item())


def test_variance_and_covariance_are_taken_of_what_was_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distance is that of own images alone."""
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    alone = method(batch, tiny.progress(0)).loss
    monkeypatch.setattr(vicreg.dist, "gather", lambda z: torch.cat([z, 3 * z]))
    method.variance = method.covariance = 0.0
    distance = method(batch, tiny.progress(0)).loss
    method.variance, method.covariance = 25.0, 1.0
    assert method(batch, tiny.progress(0)).loss.item() != pytest.approx(alone.item(), rel=1e-3)
    monkeypatch.undo()
    method.variance = method.covariance = 0.0
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(distance.item())


def test_biases_and_norms_are_left_alone_by_weight_decay_and_lars() -> None:
    _, vectors = make().param_groups()
    assert all(p.ndim <= 1 for p in vectors["params"])
    assert vectors["weight_decay_scale"] == 0 and vectors["trust"] is False
