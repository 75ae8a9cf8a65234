import pytest
import torch
from torch import nn

import tiny
from twofold.core.batch import Batch
from twofold.methods.simclr import SimCLR


def swapped(batch: Batch) -> Batch:
    return batch._replace(views=batch.views[::-1])


def test_the_papers_sizes_are_the_defaults() -> None:
    projector = SimCLR(tiny.make_encoder).projector
    assert [type(layer) for layer in projector] == [
        nn.Linear,
        nn.BatchNorm1d,
        nn.ReLU,
        nn.Linear,
        nn.BatchNorm1d,
    ]
    assert (projector[0].out_features, projector[3].out_features) == (2048, 128)
    assert projector[0].bias is None and projector[3].bias is None and projector[4].bias is None


def test_both_views_play_the_same_part() -> None:
    method = tiny.make_method("simclr", torch.float64)
    batch = tiny.make_batch(method, dtype=torch.float64)
    one, other = (method(b, tiny.progress(0)).loss for b in (batch, swapped(batch)))
    assert one.item() == pytest.approx(other.item())


def test_agreement_of_two_equal_views_costs_less() -> None:
    method = tiny.make_method("simclr")
    batch = tiny.make_batch(method)
    twice = batch._replace(views=(batch.views[0], batch.views[0]))
    assert method(twice, tiny.progress(0)).loss < method(batch, tiny.progress(0)).loss
