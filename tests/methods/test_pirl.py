import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.methods.pirl import PIRL
from twofold.objectives.noise_contrastive import log_partition, memory_scores, nce, sampled_softmax


def make(**changes: object) -> Method:
    return tiny.make_method("pirl", torch.float64, **{"negatives": 32, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = PIRL(tiny.make_encoder)
    method.setup(items=10, classes=0, steps=1)
    assert (method.loss, method.temperature, method.negatives, method.weight) == ("nce", 0.07, 32000, 0.5)
    assert isinstance(method.projector, nn.Linear) and isinstance(method.jigsaw.each, nn.Linear)
    assert (method.jigsaw.joined.in_features, method.jigsaw.joined.out_features) == (9 * 128, 128)
    assert method.bank.rows.shape == (10, 128) and method.bank.momentum == 0.5
    image, patches = method.views.expanded
    assert image.crop.scale == (0.2, 1.0) and patches.crop.scale == (0.6, 1.0)


def test_the_weight_of_the_patches_is_a_share() -> None:
    assert make(weight=0.0).weight == 0
    with pytest.raises(UsageError, match=r"--weight must be from 0 to 1, not 1\.5"):
        make(weight=1.5)


@pytest.mark.parametrize("loss", ["nce", "softmax"])
def test_image_and_patches_both_look_for_the_memory_of_the_image(loss: str) -> None:
    method = make(loss=loss, weight=0.3)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twin, bank = copy.deepcopy(method), method.bank.rows.clone()
    h = twin.encoder(batch.views[0].pixels)
    h_patches = twin.encoder(batch.views[1].pixels.flatten(0, 1)).view(tiny.COUNT, 9, -1)
    each = torch.stack([twin.jigsaw.each(h_patches[:, at]) for at in range(9)], dim=1)
    embeddings = twin.projector(h), twin.jigsaw.joined(each.flatten(1))
    drawn, terms = bank[twin.bank.draw(tiny.COUNT, 32, tiny.START)], []
    for v in embeddings:
        scores = memory_scores(v, bank[batch.item], drawn, method.temperature)
        constant = log_partition(scores, len(bank))
        terms.append(nce(scores, constant, len(bank)) if loss == "nce" else sampled_softmax(scores))

    found = method(batch, tiny.progress(0)).loss
    assert found.item() == pytest.approx((0.7 * terms[0] + 0.3 * terms[1]).item())


def test_the_memory_follows_the_image_alone_and_after_the_step() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    bank = method.bank.rows.clone()
    v = F.normalize(copy.deepcopy(method).projector(copy.deepcopy(method).encoder(batch.views[0].pixels)))
    method(batch, tiny.progress(0))
    assert torch.equal(method.bank.rows, bank)
    method.after_step(tiny.progress(0))
    torch.testing.assert_close(method.bank.rows[batch.item], F.normalize(bank[batch.item] / 2 + v / 2))


def test_each_term_has_a_constant_of_its_own_that_stays() -> None:
    method = make(loss="nce")
    optimizer = tiny.make_optimizer(method)
    seen = []
    for step in range(2):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step, torch.float64), step)
        seen.append([partition.log_z.item() for partition in method.partition])
    assert seen[0] == seen[1] and seen[0][0] != seen[0][1]


def test_two_processes_agree_on_both_constants() -> None:
    changes = {"loss": "nce", "temperature": 0.07, "negatives": 50}
    parts = in_processes(2, tiny.train, "pirl", changes)
    tiny.assert_equal_training(parts, tiny.train("pirl", changes))


def test_biases_and_norms_are_not_decayed() -> None:
    decayed, free = make().param_groups()
    assert all(p.ndim > 1 for p in decayed["params"]) and free["weight_decay_scale"] == 0.0
