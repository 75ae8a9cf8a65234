import pytest
import torch

import tiny
from twofold.core.batch import Progress
from twofold.core.method import Method
from twofold.methods.byol import BYOL


def make(dtype: torch.dtype = torch.float64) -> Method:
    return tiny.make_method("byol", dtype)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = BYOL(tiny.make_encoder)
    for head in (method.projector, method.predictor):
        assert (head[0].out_features, head[3].out_features) == (4096, 256)
    assert method.momentum == 0.996


@pytest.mark.parametrize("name", ["byol", "moco_v3"])
def test_the_predictor_may_have_another_hidden_layer_than_the_projector(name: str) -> None:
    method = tiny.make_method(name, hidden=24, predictor_hidden=[8])
    assert (method.projector[0].out_features, method.predictor[0].out_features) == (24, 8)
    assert isinstance(tiny.make_method(name, predictor_hidden=0).predictor, torch.nn.Linear)


def test_the_target_has_no_predictor() -> None:
    assert {name for name, _ in make().teacher.named_children()} == {"encoder", "projector"}


def test_both_views_play_the_same_part_and_the_loss_is_a_sum_of_two_distances() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    loss = method(batch, tiny.progress(0)).loss
    mirrored = method(batch._replace(views=batch.views[::-1]), tiny.progress(0)).loss
    assert loss.item() == pytest.approx(mirrored.item())
    assert 0 <= loss <= 8


def test_the_target_stands_still_at_the_end() -> None:
    method = make()
    with torch.no_grad():
        for p in method.encoder.parameters():
            p.add_(1)
    before = [p.clone() for p in method.teacher.parameters()]
    method.after_step(Progress(100, 100, 9, 10))
    assert all(torch.equal(a, b) for a, b in zip(before, method.teacher.parameters(), strict=True))
    method.after_step(Progress(0, 100, 0, 10))
    assert not all(torch.equal(a, b) for a, b in zip(before, method.teacher.parameters(), strict=True))


def test_biases_and_norms_are_left_alone_by_weight_decay_and_lars() -> None:
    matrices, vectors = make().param_groups()
    assert all(p.ndim > 1 for p in matrices["params"])
    assert all(p.ndim <= 1 for p in vectors["params"])
    assert vectors["weight_decay_scale"] == 0
