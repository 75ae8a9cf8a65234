import copy
import math

import pytest
import torch
from torch import nn

import tiny
from processes import in_processes
from twofold.core.batch import Progress
from twofold.core.method import Method
from twofold.methods.dino import DINO
from twofold.nn.drop_path import DropPath
from twofold.nn.encoder import Encoder
from twofold.objectives.clustering import swapped_prediction
from twofold.objectives.distillation import centred_targets


def make(**changes: object) -> Method:
    return tiny.make_method("dino", torch.float64, **changes)


def transformer(**changes: object) -> DINO:
    torch.manual_seed(0)
    small = {"hidden": 32, "dim": 16, "prototypes": 64, **changes}
    return DINO(lambda: Encoder("vit_tiny_patch16_224", size=32), **small)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = DINO(tiny.make_encoder)
    assert method.prototypes.weight.shape == (65536, 256)
    assert [layer.out_features for layer in method.projector if isinstance(layer, nn.Linear)] == [
        2048,
        2048,
        256,
    ]
    assert (method.temperature, method.clip, method.momentum) == (0.1, 3.0, 0.996)
    assert len(method.views.expanded) == 10 and method.views.globals_ == (0, 1)


def test_the_teacher_is_what_is_evaluated() -> None:
    method = make()
    assert method.encoder is method.teacher.encoder and method.encoder is not method.student
    assert not any(p.requires_grad for p in method.encoder.parameters())
    assert method.parts()["projector"] is method.teacher.projector
    x = torch.rand(4, 3, tiny.SIDE, tiny.SIDE, dtype=torch.float64)
    assert torch.equal(method.encoder(x), method.student(x))  # it starts as a copy
    optimizer = torch.optim.AdamW(method.param_groups(), lr=1e-3)
    tiny.take_step(method, optimizer, tiny.make_batch(method, dtype=torch.float64), 0)
    assert not torch.equal(method.encoder(x), method.student(x))


def test_the_teacher_sees_global_views_only_and_the_student_all() -> None:
    method = make()
    seen: dict[str, list[tuple[int, ...]]] = {"student": [], "teacher": []}
    method.student.register_forward_pre_hook(lambda _, x: seen["student"].append(tuple(x[0].shape)))
    method.encoder.register_forward_pre_hook(lambda _, x: seen["teacher"].append(tuple(x[0].shape)))
    method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0))
    assert seen["teacher"] == [(2 * tiny.COUNT, 3, 16, 16)]
    assert seen["student"] == [(2 * tiny.COUNT, 3, 16, 16), (8 * tiny.COUNT, 3, 7, 7)]


def test_the_loss_meets_the_center_of_before_which_then_follows_the_raw_outputs() -> None:
    method = make()
    method.center.mean.copy_(torch.linspace(-0.1, 0.1, 1024))
    batch, progress = tiny.make_batch(method, dtype=torch.float64), tiny.progress(0)
    twin, center = copy.deepcopy(method), method.center.mean.clone()
    pixels = [view.pixels for view in batch.views]
    g_t = twin.teacher(torch.cat(pixels[:2]))
    h = torch.cat([twin.student(torch.cat(pixels[:2])), twin.student(torch.cat(pixels[2:]))])
    g_s = twin.prototypes(twin.projector(h)).unflatten(0, (10, -1))
    p_t = centred_targets(g_t.unflatten(0, (2, -1)), center, twin._teacher_temperature(progress))
    expected = swapped_prediction(g_s, p_t, (0, 1), 0.1)

    assert method(batch, progress).loss.item() == pytest.approx(expected.item())
    assert torch.equal(method.center.mean, center)
    method.after_step(progress)
    torch.testing.assert_close(method.center.mean, 0.9 * center + 0.1 * g_t.mean(dim=0))


def test_the_teachers_temperature_rises() -> None:
    method = make(teacher_temperature=0.07)
    found = [method._teacher_temperature(Progress(0, 10, epoch, 100)) for epoch in (0, 15, 30, 99)]
    assert found == pytest.approx([0.04, 0.055, 0.07, 0.07])
    at_once = make(teacher_temperature=0.07, warm_epochs=0)
    assert at_once._teacher_temperature(Progress(0, 10, 0, 100)) == pytest.approx(0.07)


def test_the_last_layer_stands_still_in_the_first_epoch() -> None:
    method = make(frozen_epochs=1)
    optimizer = torch.optim.AdamW(method.param_groups(), lr=1e-2, weight_decay=0.1)
    for epoch, moves in ((0, False), (1, True)):
        before = method.prototypes.weight.clone()
        progress = Progress(epoch, 10, epoch, 10)
        method(tiny.make_batch(method, dtype=torch.float64), progress).loss.backward()
        method.before_step(progress)
        optimizer.step()
        optimizer.zero_grad()
        assert torch.equal(method.prototypes.weight, before) is not moves


def test_each_gradient_is_clipped_for_itself() -> None:
    method = make(clip=0.5)
    first, second = method.projector[0].weight, method.projector[3].weight
    first.grad, second.grad = torch.ones_like(first), torch.full_like(second, 1e-6)
    method.before_step(Progress(5, 10, 5, 10))
    assert first.grad.norm().item() == pytest.approx(0.5, rel=1e-5)
    assert second.grad.max().item() == 1e-6
    free = make(clip=0.0)
    free.projector[0].weight.grad = torch.ones_like(first)
    free.before_step(Progress(5, 10, 5, 10))
    assert torch.equal(free.projector[0].weight.grad, torch.ones_like(first))


def test_weight_decay_grows_tenfold_and_spares_biases_and_norms() -> None:
    matrices, vectors = make(decay_growth=10.0).param_groups()
    grown = [matrices["weight_decay_scale"](Progress(step, 100, 0, 1)) for step in (0, 50, 100)]
    assert grown == pytest.approx([1, 5.5, 10])
    assert vectors["weight_decay_scale"] == 0 and all(p.ndim <= 1 for p in vectors["params"])


def test_collapse_shows() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    step = method(batch, tiny.progress(0))
    assert 0 < step.seen["teacher_entropy"] < math.log(1024)
    assert step.seen["divergence"] > 0
    total = step.seen["divergence"] + step.seen["teacher_entropy"]
    assert total.item() == pytest.approx(step.loss.item())
    for head in (method.projector, method.teacher.projector):
        with torch.no_grad():
            head[-1].weight.zero_()  # all embeddings 0: all outputs alike
    collapsed = method(batch, tiny.progress(0)).seen
    assert collapsed["teacher_entropy"].item() == pytest.approx(math.log(1024))
    assert collapsed["divergence"].item() == pytest.approx(0, abs=1e-9)


def test_only_the_student_drops_paths_and_the_same_ones_every_time() -> None:
    assert DINO.presets["imagenet"]["drop_path"] == 0.1
    method, plain = transformer(drop_path=0.5), transformer()
    assert any(isinstance(module, DropPath) for module in method.student.modules())
    assert not any(isinstance(module, DropPath) for module in method.teacher.modules())
    batch, twin = tiny.make_batch(method), copy.deepcopy(method)
    now, then = Progress(100, 200, 1, 2), Progress(101, 200, 1, 2)
    drawn = torch.get_rng_state()
    loss = method(batch, now).loss
    assert torch.equal(torch.get_rng_state(), drawn)
    torch.manual_seed(1)  # a resumed run has drawn other numbers before
    assert torch.equal(twin(batch, now).loss, loss)
    assert not torch.equal(twin(batch, then).loss, loss)
    twin.drop_seed += 1  # of a run with another seed
    assert not torch.equal(twin(batch, now).loss, loss)
    assert torch.equal(plain(batch, then).loss, plain(batch, now).loss)
    assert not torch.equal(plain(batch, now).loss, loss)
    assert torch.equal(method.eval()(batch, then).loss, plain.eval()(batch, then).loss)


def test_several_processes_drop_what_one_does() -> None:
    parts = in_processes(2, tiny.train, "dino", {"drop_path": 0.5}, 3)
    whole = tiny.train("dino", {"drop_path": 0.5}, 3)
    assert not torch.equal(whole["loss"], tiny.train("dino", {}, 3)["loss"])  # branches start at 0
    tiny.assert_equal_training(parts, whole)


def test_a_transformer_learns_from_views_of_two_sizes() -> None:
    method = transformer(momentum=0.9)
    assert not any(isinstance(m, nn.BatchNorm1d) for m in method.projector)
    batch = tiny.make_batch(method)
    optimizer = torch.optim.AdamW(method.param_groups(), lr=1e-3)
    for step in range(2):
        assert tiny.take_step(method, optimizer, batch, step).isfinite()
    assert method.student.backbone.pos_embed.grad.any()


def test_the_projector_of_a_convolutional_encoder_may_go_without_batch_norm() -> None:
    for norm in (True, False):
        norms = [m for m in make(norm=norm).projector if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert len(norms) == 2 * norm
    assert not DINO.presets["cifar10"]["norm"] and DINO.presets["cifar10"]["clip"] == 0
