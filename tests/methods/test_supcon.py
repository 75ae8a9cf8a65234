import pytest
import torch
from torch import nn

import tiny
from twofold.core.method import Method
from twofold.methods.simclr import SimCLR
from twofold.methods.supcon import SupCon
from twofold.objectives.contrastive import nt_xent
from twofold.objectives.supervised_contrast import supervised_contrast


def make(**changes: object) -> Method:
    return tiny.make_method("supcon", torch.float64, **changes)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = SupCon(tiny.make_encoder)
    assert [type(layer) for layer in method.projector] == [nn.Linear, nn.ReLU, nn.Linear]
    assert (method.projector[0].out_features, method.projector[2].out_features) == (2048, 128)
    assert method.temperature == 0.1


def test_the_head_may_have_batch_norms_as_simclrs_has() -> None:
    with_norms, simclr = (
        cls(tiny.make_encoder, **more) for cls, more in ((SupCon, {"norm": True}), (SimCLR, {}))
    )
    assert [repr(a) for a in with_norms.projector] == [repr(b) for b in simclr.projector]


def test_all_views_of_a_class_are_positives() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    z = method.projector(method.encoder(torch.cat([view.pixels for view in batch.views])))
    labels = batch.targets["label"].repeat(2)
    expected = supervised_contrast(z, torch.arange(len(z)), z, labels, method.temperature)
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item())


def test_without_labels_it_is_simclr() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    nameless = batch._replace(targets={"label": torch.full_like(batch.item, -1)})
    h = method.encoder(torch.cat([view.pixels for view in batch.views]))
    z1, z2 = method.projector(h).chunk(2)
    rows, tau = torch.arange(tiny.COUNT), method.temperature
    expected = nt_xent(z1, z2, rows, z1, z2, temperature=tau)
    assert method(nameless, tiny.progress(0)).loss.item() == pytest.approx(expected.item())


def test_it_takes_any_number_of_views() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    three = batch._replace(views=(*batch.views, batch.views[0]))
    assert torch.isfinite(method(three, tiny.progress(0)).loss)
