import pytest
import torch
from torch import nn

import tiny
from twofold.core.batch import Progress
from twofold.core.method import Method
from twofold.methods.moco_v3 import MoCoV3
from twofold.nn.encoder import Encoder
from twofold.objectives.batch_contrast import batch_info_nce


def make(**changes: object) -> Method:
    return tiny.make_method("moco_v3", torch.float64, **changes)


def make_vit() -> MoCoV3:
    torch.manual_seed(0)
    return MoCoV3(lambda: Encoder("vit_tiny_patch16_224", size=tiny.SIDE), hidden=64, dim=32)


def shape(head: nn.Sequential) -> list[object]:
    """Widths of the linear layers, and between them what else there is."""
    return [m.out_features if isinstance(m, nn.Linear) else type(m).__name__ for m in head]


def test_the_papers_sizes_are_the_defaults() -> None:
    method = MoCoV3(tiny.make_encoder)
    assert (method.momentum, method.temperature) == (0.99, 1.0)
    assert shape(method.projector) == [4096, "BatchNorm1d", "ReLU", 256, "BatchNorm1d"]
    assert shape(method.predictor) == [4096, "BatchNorm1d", "ReLU", 256]
    assert not method.projector[-1].affine
    assert all(m.bias is None for m in method.projector.modules() if isinstance(m, nn.Linear))
    assert [view.crop.scale for view in method.views.expanded] == [(0.2, 1.0)] * 2


def test_of_a_transformer_all_is_decayed_and_of_others_no_bias_and_no_norm() -> None:
    (everything,) = make_vit().param_groups()
    assert any(p.ndim == 1 for p in everything["params"]) and "weight_decay_scale" not in everything
    matrices, vectors = make().param_groups()
    assert all(p.ndim > 1 for p in matrices["params"]) and vectors["weight_decay_scale"] == 0


def test_heads_of_transformers_are_deeper() -> None:
    method = make_vit()
    layer = [64, "BatchNorm1d", "ReLU"]
    assert shape(method.projector) == [*layer, *layer, 32, "BatchNorm1d"]
    assert shape(method.predictor) == [*layer, 32, "BatchNorm1d"]
    assert not method.predictor[-1].affine


def test_a_transformer_learns_and_its_patch_embedding_stands_still() -> None:
    method = make_vit()
    optimizer = torch.optim.AdamW(method.param_groups(), lr=1e-3, weight_decay=0.1)
    batch = tiny.make_batch(method)
    before = method(batch, tiny.progress(0)).loss
    frozen = [p.clone() for p in method.encoder.patch_embedding.parameters()]
    for step in range(4):
        tiny.take_step(method, optimizer, batch, step)
    assert method(batch, tiny.progress(0)).loss < 0.9 * before
    assert all(
        torch.equal(a, b) for a, b in zip(frozen, method.encoder.patch_embedding.parameters(), strict=True)
    )
    still = [n for n, p in method.named_parameters() if "teacher" not in n and p.grad is None]
    assert {name.removeprefix("encoder.backbone.") for name in still} == {
        "pos_embed",
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
    }


def test_keys_come_from_the_teacher_and_both_views_play_the_same_part() -> None:
    method = make()
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(0.1)
    batch = tiny.make_batch(method, dtype=torch.float64)
    x1, x2 = (view.pixels for view in batch.views)
    loss = method(batch, tiny.progress(0)).loss
    q1, q2 = (method.predictor(method.projector(method.encoder(x))) for x in (x1, x2))
    k1, k2 = method.teacher(x1), method.teacher(x2)
    rows = torch.arange(tiny.COUNT)
    expected = batch_info_nce(q1, rows, k2, 0.2) + batch_info_nce(q2, rows, k1, 0.2)
    assert loss.item() == pytest.approx(expected.item())
    mirrored = method(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert loss.item() == pytest.approx(mirrored.item())


def test_the_key_encoder_has_no_predictor_and_stands_still_at_the_end() -> None:
    method = make()
    assert {name for name, _ in method.teacher.named_children()} == {"encoder", "projector"}
    with torch.no_grad():
        method.projector[0].weight.add_(1)
    before = method.teacher.projector[0].weight.clone()
    method.after_step(Progress(100, 100, 9, 10))
    assert torch.equal(before, method.teacher.projector[0].weight)
    method.after_step(Progress(0, 100, 0, 10))
    assert not torch.equal(before, method.teacher.projector[0].weight)


def test_biases_and_norms_are_left_alone_by_weight_decay_and_lars() -> None:
    matrices, vectors = make().param_groups()
    assert all(p.ndim > 1 for p in matrices["params"])
    assert vectors["weight_decay_scale"] == 0 and not vectors["trust"]
