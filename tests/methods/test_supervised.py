import pytest
import torch
from torch import nn

import tiny
from processes import in_processes
from twofold.core.method import Method


def make(**changes: object) -> Method:
    return tiny.make_method("supervised", torch.float64, **changes)


def test_the_classifier_stands_on_the_encoder_or_on_a_head() -> None:
    without, with_head = make(), make(hidden=24, dim=6)
    assert isinstance(without.projector, nn.Identity)
    assert without.classifier.in_features == without.encoder.width
    assert [type(layer) for layer in with_head.projector] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert with_head.projector[0].out_features == 24 and with_head.classifier.in_features == 6


@pytest.mark.parametrize("hidden", [0, 24])
def test_what_is_seen_is_the_encoder_and_not_the_head(hidden: int) -> None:
    method = make(hidden=hidden, dim=6)
    batch = tiny.make_batch(method, dtype=torch.float64)
    step = method(batch, tiny.progress(0))
    assert step.seen["embedding"].shape[1] == method.encoder.width
    logits = method.classifier(method.projector(method.encoder(batch.views[0].pixels)))
    expected = nn.functional.cross_entropy(logits, batch.targets["label"])
    assert step.loss.item() == pytest.approx(expected.item())


def test_images_without_a_label_take_no_part() -> None:
    method = make(hidden=24).eval()  # in training, batch norm would still see them
    batch = tiny.make_batch(method, dtype=torch.float64)
    label = batch.targets["label"].clone()
    label[::2] = -1
    views = tuple(view._replace(pixels=view.pixels[1::2]) for view in batch.views)
    named = batch._replace(views=views, targets={"label": label[1::2]})
    some = method(batch._replace(targets={"label": label}), tiny.progress(0)).loss
    assert some.item() == pytest.approx(method(named, tiny.progress(0)).loss.item())
    none = batch._replace(targets={"label": torch.full_like(label, -1)})
    assert method(none, tiny.progress(0)).loss == 0


def test_two_processes_with_a_head() -> None:
    changes = {"hidden": 24, "dim": 6}
    parts = in_processes(2, tiny.train, "supervised", changes)
    tiny.assert_equal_training(parts, tiny.train("supervised", changes))
