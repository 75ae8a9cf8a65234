"""What embeddings know of how their image was changed."""

import numpy as np
import pytest
import torch
from torch import nn

from twofold.evaluations._look import Look
from twofold.evaluations._task import Embedded, Task
from twofold.evaluations.probes import Probes
from twofold.train.engine import Engine

SIDE = 8


class Brightness(nn.Module):
    """Of each quadrant and channel: it knows which way an image was turned, and what colours it has."""

    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


class Sum(nn.Module):
    """Of all there is: it knows nothing of place or colour."""

    def forward(self, h):
        return h.sum(dim=1, keepdim=True)


def asked(images, network, channels=3, parts=None):
    """The scores of a subject by metric."""
    random = np.random.default_rng(0)

    def pictures(count):
        made = images(np.zeros(count, int), side=SIDE, channels=channels)
        pixels = random.integers(90, 110, (count, SIDE, SIDE, channels), dtype=np.uint8)
        pixels[:, : SIDE // 2, : SIDE // 2] += 100  # a bright corner tells how an image stands
        pixels[..., 0] += 40  # and no image is gray
        made.pixels = torch.from_numpy(pixels)
        return made

    fit, judge = pictures(400), pictures(200)
    task = Task(fit, judge, (), 0, {"data": "corners"})
    look = Look(network.eval(), SIDE, channels, Engine(torch.device("cpu"), "fp32", 1), parts=parts or {})
    embedded = Embedded("a run", task, torch.zeros(400, 1), torch.zeros(200, 1), task.protocol, look)
    return {score.metric: score for score in Probes()(embedded)}


def test_what_an_embedding_holds_is_found_and_what_it_lacks_is_guessed(images):
    found = asked(images, Brightness(), parts={"projector": Sum()})
    assert found["rotation"].value > 0.95 and found["colour"].value > 0.95
    assert found["rotation/z"].value < 0.4
    assert set(found) == set(Probes.shown)
    assert all(score.low <= score.value <= score.high for score in found.values())


def test_the_protocol_tells_what_a_guess_gets(images):
    found = asked(images, Brightness())
    guesses = {name: score.protocol["guess"] for name, score in found.items()}
    assert guesses == {"colour": 0.8, "rotation": 0.25, "noise": 0.5, "sobel": 0.5}


def test_a_network_that_sees_nothing_gets_what_a_guess_gets(images):
    class Nothing(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 2)

    for name, score in asked(images, Nothing()).items():
        assert score.value == pytest.approx(score.protocol["guess"], abs=0.1), name


def test_raw_pixels_are_not_asked(images):
    plain = images(np.zeros(4, int), side=SIDE)
    task = Task(plain, plain, (), 0, {"data": "plain"})
    look = Look(nn.Flatten().eval(), SIDE, 3, Engine(torch.device("cpu"), "fp32", 1))
    assert not list(Probes()(Embedded("pixels", task, torch.zeros(4, 1), torch.zeros(4, 1), {}, look)))


def test_gray_images_are_not_asked_for_their_colour(images):
    assert set(asked(images, Brightness(), channels=1)) == {"rotation", "noise", "sobel"}


def test_the_same_changes_are_asked_of_every_subject(images):
    one, other = (asked(images, Brightness()) for _ in range(2))
    assert {name: score.value for name, score in one.items()} == {n: s.value for n, s in other.items()}
    assert len(one["rotation"].per_image) == 200


def test_no_noise_that_was_fitted_on_is_met_again(images):
    """All images are alike, so that only their noise tells them apart."""
    seen = []

    class Watched(nn.Module):
        def forward(self, x):
            seen.append(x.flatten(1).clone())
            return x.mean((2, 3))

    plain = images(np.zeros(40, int), side=SIDE)
    plain.pixels = torch.full_like(plain.pixels, 120)
    task = Task(plain, plain, (), 0, {"data": "plain"})
    look = Look(Watched().eval(), SIDE, 3, Engine(torch.device("cpu"), "fp32", 1))
    list(Probes()(Embedded("a run", task, torch.zeros(40, 1), torch.zeros(40, 1), task.protocol, look)))
    noisy = [views[views.std(dim=1) > 0.05] for views in seen]
    fit, judge = (views for views in noisy if len(views))
    assert len(fit) > 10 and len(judge) > 10
    assert torch.cdist(fit, judge).min() > 0.5
