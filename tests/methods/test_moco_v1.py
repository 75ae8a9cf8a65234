import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods.moco_v1 import MoCoV1
from twofold.objectives.contrastive import info_nce


def make(**changes: object) -> Method:
    return tiny.make_method("moco_v1", torch.float64, **{"queue": 64, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = MoCoV1(tiny.make_encoder)
    assert method.queue.keys.shape == (65536, 128)
    assert (method.momentum, method.temperature, method.hardness) == (0.999, 0.07, 0)
    assert isinstance(method.projector, nn.Linear) and method.projector.out_features == 128


def test_the_key_encoder_starts_as_a_copy_head_included() -> None:
    method = make(bn_splits=1)
    x = tiny.make_batch(method, dtype=torch.float64).views[0].pixels
    assert torch.equal(method.projector(method.encoder(x)), method.teacher(x))


def test_one_way_against_the_queue_of_before_which_then_takes_the_keys() -> None:
    method = make(bn_splits=1)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twin, queue = copy.deepcopy(method), method.queue.keys.clone()
    q = twin.projector(twin.encoder(batch.views[0].pixels))
    k = F.normalize(twin.teacher(batch.views[1].pixels))

    loss = method(batch, tiny.progress(0)).loss
    assert loss.item() == pytest.approx(info_nce(q, k, queue, method.temperature).item())
    method.after_step(tiny.progress(0))
    torch.testing.assert_close(method.queue.keys[: tiny.COUNT], k)  # in the batch's order again
    assert torch.equal(method.queue.keys[tiny.COUNT :], queue[tiny.COUNT :])


def test_the_key_encoder_follows_after_the_step() -> None:
    method = make(momentum=0.9)
    with torch.no_grad():
        method.projector.weight.add_(1)
    before = method.teacher.projector.weight.clone()
    method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
    assert torch.equal(method.teacher.projector.weight, before)
    method.after_step(tiny.progress(0))
    torch.testing.assert_close(
        method.teacher.projector.weight, 0.9 * before + 0.1 * method.projector.weight.detach()
    )


def test_every_parameter_is_decayed() -> None:
    (group,) = make().param_groups()
    assert group.keys() == {"params"}


@pytest.mark.parametrize("name", ["moco_v1", "moco_v2"])
def test_hard_negatives_raise_the_loss_and_are_the_same_in_every_process(name: str) -> None:
    plain, hard = (
        tiny.make_method(name, torch.float64, queue=64, hardness=hardness) for hardness in (0.0, 1.0)
    )
    batch = tiny.make_batch(plain, dtype=torch.float64)
    assert hard(batch, tiny.progress(0)).loss > plain(batch, tiny.progress(0)).loss + 0.01
    changes = {"queue": 64, "hardness": 1.0}
    parts = in_processes(2, tiny.train, name, changes)
    tiny.assert_equal_training(parts, tiny.train(name, changes))


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_of_two_processes_is_that_of_one_with_as_many_groups(groups: int) -> None:
    changes = {"bn_splits": groups, "queue": 40}
    parts = in_processes(2, tiny.train, "moco_v1", changes)
    tiny.assert_equal_training(parts, tiny.train("moco_v1", changes))
