import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from twofold.core.batch import Progress
from twofold.evaluations._descent import INITIAL_STD, Descent
from twofold.evaluations._families import FAMILIES
from twofold.evaluations._look import Look
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine
from twofold.train.optim import OptimizerSpec, schedule


def clusters(count=200, width=6, classes=3):
    random = torch.Generator().manual_seed(1)
    labels = torch.arange(count) % classes
    middles = torch.randn(classes, width, generator=random)
    return middles[labels] + 0.5 * torch.randn(count, width, generator=random), labels


def constant(lr, optimizer="sgd", **about):
    return OptimizerSpec(optimizer, lr, 0.0, warmup=0.0, schedule="constant", **about)


def start(seed, width, classes):
    random = torch.Generator().manual_seed(seed)
    return torch.empty(classes, width).normal_(std=INITIAL_STD, generator=random)


def test_one_step_on_all_images_is_the_closed_form():
    """W - lr / n (softmax - one-hot)^T X."""
    features, labels = clusters()
    found = Descent(constant(0.5), len(features), 1, seed=4).on_features(features, labels, 3)
    weight = start(4, 6, 3)
    error = (features @ weight.T).softmax(1) - functional.one_hot(labels, 3)
    torch.testing.assert_close(found.weight, weight - 0.5 / len(features) * error.T @ features)
    torch.testing.assert_close(found.bias, -0.5 * error.mean(0))


@pytest.mark.parametrize("name", ["moco", "byol", "swav"])
def test_it_is_a_plain_loop_of_torchs_optimiser(name):
    features, labels = clusters()
    family, batch, epochs = FAMILIES[name], 64, 5
    spec = family.optimizer_for(batch)
    found = Descent(spec, batch, epochs, seed=2).on_features(features, labels, 3)

    layer = nn.Linear(6, 3)
    layer.load_state_dict({"weight": start(2, 6, 3), "bias": torch.zeros(3)})
    slow = torch.optim.SGD(
        layer.parameters(), momentum=0.9, weight_decay=spec.weight_decay, nesterov=name == "byol"
    )
    step = 0
    for epoch in range(epochs):
        order = np.random.default_rng([2, epoch]).permutation(len(features))
        for first in range(0, len(order) - batch + 1, batch):
            rows = torch.from_numpy(order[first : first + batch])
            slow.param_groups[0]["lr"] = spec.lr * schedule(spec, Progress(step, 3 * epochs, epoch, epochs))
            slow.zero_grad()
            functional.cross_entropy(layer(features[rows]), labels[rows]).backward()
            slow.step()
            step += 1
    torch.testing.assert_close(found.weight, layer.weight.detach())
    torch.testing.assert_close(found.bias, layer.bias.detach())


def test_the_seed_decides_and_global_state_is_left_alone():
    features, labels = clusters()
    before = torch.get_rng_state()
    one, same, other = (
        Descent(constant(0.1), 32, 2, seed).on_features(features, labels, 3) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)


def test_every_epoch_is_told():
    told = []
    Descent(constant(0.1), 32, 3, 0).on_features(*clusters(), 3, advance=told.append)
    assert told == [1, 1, 1]


@pytest.fixture
def seen(images, engine):
    """32 images and how a small encoder sees them."""
    encoder = Encoder("resnet18_w8", channels=3, size=16)
    return images(np.arange(32) % 3, side=16), Look(encoder.eval(), 16, 3, engine), encoder


def test_the_encoder_stays_as_it_is_bit_for_bit(seen):
    images, look, encoder = seen
    for part in encoder.modules():  # statistics that training mode would move
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1)
    before = copy.deepcopy(encoder.state_dict())
    wanted = [p.requires_grad for p in encoder.parameters()]
    found = Descent(constant(0.5), 16, 2, seed=0).on_views(images, 3, encoder.width, look)
    assert not torch.equal(found.weight, start(0, encoder.width, 3))
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert not any(part.training for part in encoder.modules())
    assert [p.requires_grad for p in encoder.parameters()] == wanted
    assert all(p.grad is None for p in encoder.parameters())


def test_views_are_crops_that_differ_from_pass_to_pass(seen):
    images, look, encoder = seen
    shown = []
    encoder.register_forward_pre_hook(lambda _, given: shown.append(given[0].clone()))
    Descent(constant(0.1), 32, 2, seed=0).on_views(images, 3, encoder.width, look)
    assert [len(views) for views in shown] == [32, 32]
    assert shown[0].shape[1:] == (3, 16, 16)
    whole = {image.mean().item() for image in images.pixels.float() / 255}
    crops = [{view.mean().item() for view in views} for views in shown]
    assert not crops[0] & crops[1]
    assert not crops[0] & whole


def test_views_are_made_ahead_where_the_engine_says_so(seen, monkeypatch):
    images, look, encoder = seen
    trainings = []
    monkeypatch.setattr("twofold.evaluations._descent.fit", lambda training, _: trainings.append(training))
    monkeypatch.setattr(Engine, "ahead", 2)
    Descent(constant(0.1), 32, 2, seed=0).on_views(images, 3, encoder.width, look)
    assert [training.stream.ahead for training in trainings] == [2]


def test_gray_images_are_shown_to_a_network_of_colours(images, engine):
    gray = images(np.arange(24) % 3, side=8, channels=1)
    look = Look(nn.Flatten().eval(), 8, 3, engine)
    found = Descent(constant(0.1), 8, 8, seed=0).on_views(gray, 3, 192, look)
    assert found.weight.shape == (3, 192)
