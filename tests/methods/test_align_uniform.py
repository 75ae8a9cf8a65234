import pytest
import torch
from torch.nn import functional as F

import tiny
from twofold.core.method import Method
from twofold.methods.align_uniform import AlignUniform


def make(**changes: object) -> Method:
    return tiny.make_method("align_uniform", torch.float64, **changes)


def test_the_papers_sizes_are_the_defaults() -> None:
    method = AlignUniform(tiny.make_encoder)
    assert (method.align, method.uniform, method.alpha, method.t) == (1, 1, 2, 2)
    assert method.projector[3].out_features == 128


def test_the_loss_is_the_weighted_sum_of_what_is_seen() -> None:
    batch = tiny.make_batch(make(), dtype=torch.float64)
    step = make(align=3.0, uniform=0.5)(batch, tiny.progress(0))
    assert step.loss.item() == pytest.approx(3 * step.seen["alignment"] + 0.5 * step.seen["uniformity"])


def test_only_pairs_of_different_images_of_one_view_repel() -> None:
    """The paper's own four lines, on the embeddings of both views."""
    method = make(align=0.0, t=3.0)
    batch = tiny.make_batch(method, dtype=torch.float64)
    h = method.encoder(torch.cat([view.pixels for view in batch.views]))
    views = F.normalize(method.projector(h)).chunk(2)
    expected = [torch.pdist(z).square().mul(-3).exp().mean().log().item() for z in views]
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(sum(expected) / 2)


def test_both_views_play_the_same_part() -> None:
    method = make()
    batch = tiny.make_batch(method, dtype=torch.float64)
    mirrored = batch._replace(views=batch.views[::-1])
    one, other = (method(b, tiny.progress(0)).loss.item() for b in (batch, mirrored))
    assert one == pytest.approx(other)
