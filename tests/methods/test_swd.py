from typing import Any

import pytest
import torch
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods import swd
from twofold.objectives.contrastive import nt_xent


def make(**changes: Any) -> Method:
    return tiny.make_method("swd", torch.float64, **changes)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = swd.SWD(tiny.make_encoder)
    widths = [layer.out_features for layer in method.projector if isinstance(layer, torch.nn.Linear)]
    assert widths == [2048, 2048, 128]
    assert (method.weight, method.scale) == (1, 1)


@pytest.mark.parametrize("prior", ["normal", "hypersphere", "hypercube"])
def test_prior_and_rotation_are_those_of_the_step(prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = swd.sliced_wasserstein
    monkeypatch.setattr(swd, "sliced_wasserstein", lambda *given: seen.append(given) or original(*given))
    method = make(prior=prior)
    batch = tiny.make_batch(method, dtype=torch.float64)
    for step in (0, 1, 0):
        method(batch, tiny.progress(step))
    (_, prior0, turn0), (_, prior1, turn1), (z, again, turn) = seen
    assert torch.equal(prior0, again) and torch.equal(turn0, turn)
    assert not torch.allclose(prior0, prior1) and not torch.allclose(turn0, turn1)
    assert z.shape == again.shape == (2 * tiny.COUNT, 64)
    on_the_sphere = torch.allclose(z.norm(dim=1), torch.ones(len(z)).double())
    assert on_the_sphere == (prior == "hypersphere")


def test_the_loss_is_the_scaled_sum_of_alignment_and_distribution() -> None:
    method = make(scale=3.0, weight=0.5)
    step = method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
    expected = 3 * (step.seen["alignment"] + 0.5 * step.seen["distribution"])
    assert step.loss.item() == pytest.approx(expected.item())


def test_decoupled_nt_xent_of_weight_1_is_nt_xent_but_for_the_anchor_among_its_candidates() -> None:
    method = make(prior="log_sum_exp", temperature=0.2, weight=1.0, scale=64.0)
    batch = tiny.make_batch(method, dtype=torch.float64)
    loss = method(batch, tiny.progress(0)).loss
    h = method.encoder(torch.cat([view.pixels for view in batch.views]))
    z1, z2 = F.normalize(method.projector(h)).chunk(2)
    z, everyone = torch.cat([z1, z2]), torch.cat([z1, z2])
    cosines = (z * everyone.roll(tiny.COUNT, 0)).sum(dim=1)
    with_itself = -cosines / 0.2 + (z @ everyone.T / 0.2).logsumexp(dim=1)
    assert loss.item() == pytest.approx((with_itself.mean() * 0.2 + 1).item())
    rows = torch.arange(tiny.COUNT)
    assert with_itself.mean() > nt_xent(z1, z2, rows, z1, z2, temperature=0.2)


@pytest.mark.parametrize("prior", ["normal", "hypersphere", "hypercube"])
def test_collapsed_embeddings_cost_more_than_spread_ones(prior: str) -> None:
    method = make(prior=prior, weight=1.0)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twice = batch._replace(views=(batch.views[0],) * 2)
    same = replace_all_by_the_first(twice)
    spread, collapsed = (method(b, tiny.progress(0)).seen["distribution"] for b in (twice, same))
    assert spread < collapsed


def replace_all_by_the_first(batch: Any) -> Any:
    views = tuple(view._replace(pixels=view.pixels[:1].expand_as(view.pixels)) for view in batch.views)
    return batch._replace(views=views)


@pytest.mark.parametrize("prior", ["normal", "hypercube", "log_sum_exp"])
def test_two_processes_sort_one_batch(prior: str) -> None:
    changes = {"prior": prior}
    parts = in_processes(2, tiny.train, "swd", changes)
    tiny.assert_equal_training(parts, tiny.train("swd", changes))
