import pytest
import torch
from torch import nn

import tiny
from twofold.core.method import Method
from twofold.methods.barlow_twins import BarlowTwins
from twofold.train.optim import OptimizerSpec, make_optimizer, set_rates


def make(**changes: object) -> Method:
    return tiny.make_method("barlow_twins", torch.float64, **changes)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = BarlowTwins(tiny.make_encoder)
    linear = [layer for layer in method.projector if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [8192] * 3
    assert all(layer.bias is None for layer in linear)
    assert [type(layer) for layer in method.projector][1:] == [
        *[nn.BatchNorm1d, nn.ReLU, nn.Linear] * 2,
    ]
    assert method.standardise.num_features == 8192 and not method.standardise.affine
    assert method.off_diagonal == 0.0051
    assert {view.crop.interpolation for view in method.views.views} == {"bicubic"}


def test_both_views_play_the_same_part() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    loss = method(batch, tiny.progress(0)).loss
    mirrored = method(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert loss.item() == pytest.approx(mirrored.item())


def test_the_loss_is_that_of_the_correlation_coefficients() -> None:
    method = make(dim=5, hidden=8)
    batch = tiny.make_batch(method, dtype=torch.float64)
    z1, z2 = (method.projector(method.encoder(view.pixels)) for view in batch.views)
    c = torch.corrcoef(torch.cat([z1, z2], dim=1).T)[:5, 5:]
    expected = sum((1 - c[i, i]) ** 2 for i in range(5))
    expected += method.off_diagonal * sum(c[i, j] ** 2 for i in range(5) for j in range(5) if i != j)
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item(), rel=1e-3)


def test_neither_the_scale_nor_the_offset_of_an_embedding_matters() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    before = method(batch, tiny.progress(0)).loss
    with torch.no_grad():
        method.projector[-1].weight.mul_(10)
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(before.item(), rel=1e-2)


def test_biases_and_norms_have_the_papers_rate_and_no_decay() -> None:
    method = make(bias_rate=0.024)
    spec = OptimizerSpec("lars_out", lr=0.2, weight_decay=1e-6, warmup=0.0)
    optimizer = make_optimizer(spec, method.param_groups())
    set_rates(optimizer, spec, tiny.progress(0)._replace(step=0))
    matrices, vectors = optimizer.param_groups
    assert all(p.ndim > 1 for p in matrices["params"]) and all(p.ndim <= 1 for p in vectors["params"])
    assert (matrices["lr"], matrices["weight_decay"]) == (0.2, 1e-6)
    assert vectors["lr"] == pytest.approx(0.0048)
    assert vectors["weight_decay"] == 0 and vectors["trust"] is False
    assert BarlowTwins(tiny.make_encoder, hidden=4, dim=4).bias_rate == 0.024


def test_the_loss_may_be_scaled() -> None:
    plain, scaled = make(), make(scale=0.1)
    batch = tiny.make_batch(plain, dtype=torch.float64)
    losses = [method(batch, tiny.progress(0)).loss.item() for method in (plain, scaled)]
    assert losses[1] == pytest.approx(0.1 * losses[0])
