import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods.infomin import InfoMin
from twofold.objectives.contrastive import info_nce
from twofold.views.ops.randaugment import RandAugment


def make(**changes: object) -> Method:
    return tiny.make_method("infomin", torch.float64, **{"queue": 64, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = InfoMin(tiny.make_encoder)
    assert method.queue.keys.shape == (65536, 128)
    assert (method.momentum, method.temperature) == (0.999, 0.15)
    for head in (method.projector, method.jigsaw.each):
        assert [m.out_features for m in head if isinstance(m, nn.Linear)] == [2048, 128]
    assert (method.jigsaw.joined.in_features, method.jigsaw.joined.out_features) == (1152, 128)
    strong = [any(isinstance(o, RandAugment) for o in view.operations) for view in method.views.expanded]
    assert strong == [True, True, False]  # patches have PIRL's colours


def test_both_queries_look_for_the_same_key_in_the_queue_of_before() -> None:
    method = make(bn_splits=1)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twin, queue = copy.deepcopy(method), method.queue.keys.clone()
    x1, x2, patches = (view.pixels for view in batch.views)
    assert patches.shape[:2] == (tiny.COUNT, 9)
    q = twin.projector(twin.encoder(x1))
    h = twin.encoder(patches.flatten(0, 1))
    q_jig = twin.jigsaw.joined(twin.jigsaw.each(h).view(tiny.COUNT, -1))
    k = F.normalize(twin.teacher(x2))
    expected = (info_nce(q, k, queue, 0.2) + info_nce(q_jig, k, queue, 0.2)) / 2

    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item())
    assert torch.equal(method.queue.keys, queue)
    method.after_step(tiny.progress(0))
    torch.testing.assert_close(method.queue.keys[: tiny.COUNT], k)
    assert int(method.queue.written) == tiny.COUNT  # keys of whole images only


def test_the_teacher_has_no_head_for_patches() -> None:
    assert {name for name, _ in make().teacher.named_children()} == {"encoder", "projector"}


def test_patches_and_images_do_not_meet_in_a_batch_norm() -> None:
    method = make()
    shapes = []
    method.encoder.register_forward_pre_hook(lambda _, x: shapes.append(tuple(x[0].shape[:2])))
    method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
    assert shapes == [(tiny.COUNT, 3), (9 * tiny.COUNT, 3)]


def test_two_processes_draw_the_same_hard_negatives() -> None:
    changes = {"queue": 64, "hardness": 1.0}
    parts = in_processes(2, tiny.train, "infomin", changes)
    tiny.assert_equal_training(parts, tiny.train("infomin", changes))
