import copy

import pytest
import torch
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods.moco_v2 import MoCoV2
from twofold.objectives.contrastive import info_nce


def make(**changes: object) -> Method:
    return tiny.make_method("moco_v2", torch.float64, **{"symmetric": False, "queue": 64, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = MoCoV2(tiny.make_encoder)
    assert method.queue.keys.shape == (65536, 128)
    assert (method.momentum, method.temperature) == (0.999, 0.2)
    assert len(method.projector) == 3 and method.projector[0].out_features == 2048


def test_the_loss_meets_the_queue_of_before_and_the_queue_then_takes_the_keys() -> None:
    method = make(bn_splits=1)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twin, queue = copy.deepcopy(method), method.queue.keys.clone()
    q = twin.projector(twin.encoder(batch.views[0].pixels))
    k = F.normalize(twin.teacher(batch.views[1].pixels))

    loss = method(batch, tiny.progress(0)).loss
    assert loss.item() == pytest.approx(info_nce(q, k, queue, 0.2).item())
    method.after_step(tiny.progress(0))
    torch.testing.assert_close(method.queue.keys[: tiny.COUNT], k)  # in the batch's order again
    assert torch.equal(method.queue.keys[tiny.COUNT :], queue[tiny.COUNT :])


def test_keys_are_normalised_among_other_images_than_queries() -> None:
    """Else batch norm would tell which group holds the positive."""
    method = make(bn_splits=4)
    batch = tiny.make_batch(method, dtype=torch.float64)
    unshuffled = F.normalize(copy.deepcopy(method).teacher(batch.views[1].pixels))
    seen = []
    for step in range(2):
        method(batch, tiny.progress(step))
        method.queue.write()
        seen.append(method.queue.keys[step * tiny.COUNT : (step + 1) * tiny.COUNT])
    assert not torch.allclose(seen[0], unshuffled, atol=1e-3)
    assert not torch.allclose(seen[0], seen[1], atol=1e-3)  # and every step among others


def test_symmetric_loss_asks_both_ways_and_keeps_both_keys() -> None:
    one_way, both_ways = make(bn_splits=1), make(bn_splits=1, symmetric=True)
    batch = tiny.make_batch(one_way, dtype=torch.float64)
    there = one_way(batch, tiny.progress(0)).loss
    back = one_way(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert both_ways(batch, tiny.progress(0)).loss.item() == pytest.approx((there + back).item() / 2)
    both_ways.after_step(tiny.progress(0))
    assert int(both_ways.queue.written) == 2 * tiny.COUNT


def test_every_parameter_is_decayed() -> None:
    (group,) = make().param_groups()
    assert group.keys() == {"params"}


def test_a_batch_norm_for_each_process_equals_its_emulation_by_one() -> None:
    changes = {"bn_splits": 2, "symmetric": False, "queue": 40}
    parts = in_processes(2, tiny.train, "moco_v2", changes)
    tiny.assert_equal_training(parts, tiny.train("moco_v2", changes))


@pytest.mark.parametrize(("last", "share"), [(None, 0.5), (0.9, 0.3)])
def test_the_key_encoder_may_follow_ever_more_slowly(last: float | None, share: float) -> None:
    method = make(momentum=0.5, last_momentum=last)
    key, query = (next(m.encoder.parameters()) for m in (method.teacher, method))
    before = key.clone()
    with torch.no_grad():
        query.add_(1)
    method.after_step(tiny.progress(0))  # the middle of the training
    torch.testing.assert_close(key - before, torch.full_like(key, share))
