import copy

import numpy as np
import pytest
import torch
from torch import nn

from twofold.core.errors import TwofoldError
from twofold.evaluations import _features
from twofold.evaluations._features import as_channels, features, of_views
from twofold.nn.encoder import Encoder
from twofold.views.evaluation import evaluation_view


@pytest.fixture(scope="module")
def encoder():
    return Encoder("resnet18_w4", size=8).eval()


def test_batches_change_nothing_and_the_order_is_kept(encoder, images, engine, monkeypatch):
    split = images(np.zeros(23, int))
    whole = features(encoder, split, size=8, channels=3, engine=engine)
    monkeypatch.setitem(_features._PIXELS_A_BATCH, "cpu", 5 * 8 * 8)
    split.reads = 0
    done = []
    parts = features(encoder, split, size=8, channels=3, engine=engine, advance=done.append)
    assert split.reads == 5
    assert done == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    assert parts.dtype == np.float32


def test_they_are_those_of_the_evaluation_view(encoder, images, engine):
    split = images(np.zeros(4, int), side=12)
    view = evaluation_view(split.read(np.arange(4)), 8)
    with torch.no_grad():
        expected = encoder(view).numpy()
    np.testing.assert_allclose(
        features(encoder, split, size=8, channels=3, engine=engine), expected, atol=1e-5
    )


def test_batch_norm_statistics_stay_as_they_are(encoder, images, engine):
    before = copy.deepcopy(encoder.state_dict())
    features(encoder, images(np.zeros(9, int)), size=8, channels=3, engine=engine)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not encoder.training


def test_a_network_in_training_mode_is_refused(images, engine):
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(192))
    with pytest.raises(AssertionError):
        features(network, images(np.zeros(9, int)), size=8, channels=3, engine=engine)


def test_gray_becomes_colour_by_repetition_and_colour_gray_by_luma():
    gray, colour = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    repeated = as_channels(gray, 3)
    assert repeated.shape == (2, 3, 4, 4)
    assert torch.equal(repeated[:, 2], gray[:, 0])
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    torch.testing.assert_close(as_channels(colour, 1), (weights * colour).sum(1, keepdim=True))
    assert torch.equal(as_channels(colour, 3), colour)
    assert torch.equal(as_channels(gray, 1), gray)


def test_a_diverged_encoder_is_told(encoder, images, engine):
    broken = copy.deepcopy(encoder)
    broken.backbone.conv1.weight.data[0] = float("nan")
    with pytest.raises(TwofoldError, match="not finite"):
        features(broken, images(np.zeros(3, int)), size=8, channels=3, engine=engine)


def test_any_views_are_embedded_as_evaluation_views_are(encoder, images, engine, monkeypatch):
    split = images(np.zeros(13, int))
    views = evaluation_view(split.read(np.arange(13)), 8)
    whole = of_views(encoder, views, channels=3, engine=engine)
    np.testing.assert_allclose(whole, features(encoder, split, size=8, channels=3, engine=engine), atol=1e-5)
    monkeypatch.setitem(_features._PIXELS_A_BATCH, "cpu", 5 * 8 * 8)
    torch.testing.assert_close(of_views(encoder, views, channels=3, engine=engine), whole)
    assert of_views(encoder.grid, views, channels=3, engine=engine).ndim == 4
    assert of_views(encoder, views[:, :1], channels=3, engine=engine).shape == whole.shape
