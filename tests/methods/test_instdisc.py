import copy

import pytest
import torch
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods.instdisc import InstDisc
from twofold.objectives.noise_contrastive import log_partition, memory_scores, nce, sampled_softmax


def make(**changes: object) -> Method:
    return tiny.make_method("instdisc", torch.float64, **{"negatives": 32, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = InstDisc(tiny.make_encoder)
    method.setup(items=10, classes=0, steps=1)
    assert (method.loss, method.temperature, method.negatives, method.proximal) == ("nce", 0.07, 4096, 30)
    assert method.bank.rows.shape == (10, 128) and method.bank.momentum == 0.5
    assert len(method.views.expanded) == 1


@pytest.mark.parametrize("loss", ["nce", "softmax"])
def test_the_loss_meets_the_bank_of_before_and_the_bank_then_takes_half_of_the_embeddings(loss: str) -> None:
    method = make(loss=loss)
    batch = tiny.make_batch(method, dtype=torch.float64)._replace(item=torch.arange(tiny.COUNT) * 3)
    twin, bank = copy.deepcopy(method), method.bank.rows.clone()
    v = F.normalize(twin.projector(twin.encoder(batch.views[0].pixels)))
    scores = memory_scores(v, bank[batch.item], bank[twin.bank.draw(tiny.COUNT, 32, tiny.START)], 0.1)
    expected = nce(scores, log_partition(scores, 64), 64) if loss == "nce" else sampled_softmax(scores)

    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item())
    method.after_step(tiny.progress(0))
    moved = F.normalize(bank[batch.item] / 2 + v.detach() / 2)
    torch.testing.assert_close(method.bank.rows[batch.item], moved)
    others = [row for row in range(64) if row % 3 or row >= 48]
    assert torch.equal(method.bank.rows[others], bank[others])


def test_the_constant_is_frozen_after_the_first_step() -> None:
    method = make(loss="nce")
    optimizer = tiny.make_optimizer(method)
    seen = []
    for step in range(3):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step, torch.float64), step)
        seen.append(method.partition.log_z.clone())
    assert seen[0].isfinite() and torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])


def test_the_proximal_term_is_the_squared_distance_to_the_memory() -> None:
    without, with_term = make(), make(proximal=2.0)
    batch = tiny.make_batch(without, dtype=torch.float64)
    v = F.normalize(copy.deepcopy(without).projector(copy.deepcopy(without).encoder(batch.views[0].pixels)))
    distance = (v - without.bank.rows[batch.item]).square().sum(dim=1).mean()
    difference = with_term(batch, tiny.progress(0)).loss - without(batch, tiny.progress(0)).loss
    assert difference.item() == pytest.approx(2 * distance.item())


def test_two_processes_agree_on_the_constant_and_the_proximal_term() -> None:
    changes = {"loss": "nce", "proximal": 30.0, "temperature": 0.07, "negatives": 50}
    parts = in_processes(2, tiny.train, "instdisc", changes)
    tiny.assert_equal_training(parts, tiny.train("instdisc", changes))


def test_every_parameter_is_decayed() -> None:
    (group,) = make().param_groups()
    assert group.keys() == {"params"}
