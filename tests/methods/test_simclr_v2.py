import pytest
import torch
from torch import nn

import tiny
from twofold.methods.simclr import SimCLR
from twofold.methods.simclr_v2 import SimCLRV2


def test_the_papers_sizes_are_the_defaults() -> None:
    projector = SimCLRV2(tiny.make_encoder).projector
    assert [x.out_features for x in projector if isinstance(x, nn.Linear)] == [2048, 2048, 128]
    assert [type(x) for x in projector[:3]] == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert projector[-1].bias is None


def test_with_two_layers_it_is_simclr() -> None:
    batch = tiny.make_batch(tiny.make_method("simclr"), dtype=torch.float64)
    losses = []
    for cls, changes in ((SimCLR, {}), (SimCLRV2, {"layers": 2})):
        torch.manual_seed(0)
        method = cls(tiny.make_encoder, hidden=64, **changes).double()
        losses.append(method(batch, tiny.progress(0)).loss.item())
    assert losses[0] == pytest.approx(losses[1])


def test_both_views_play_the_same_part() -> None:
    method = tiny.make_method("simclr_v2", torch.float64)
    batch = tiny.make_batch(method, dtype=torch.float64)
    mirrored = batch._replace(views=batch.views[::-1])
    one, other = (method(b, tiny.progress(0)).loss.item() for b in (batch, mirrored))
    assert one == pytest.approx(other)
