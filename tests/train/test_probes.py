"""Probes that may be watched: inside the training split, and without a trace in the encoder."""

import numpy as np
import pytest
import torch
from torch import nn

from twofold.core.source import Images
from twofold.train.engine import Engine
from twofold.train.probes import OnlineProbes

ENGINE = Engine(torch.device("cpu"), "fp32", 1)


class Shades:
    """Gray squares: class 0 dark, class 1 light; every fifth without a label."""

    def __init__(self, count: int = 200) -> None:
        self.labels = np.where(np.arange(count) % 5 == 0, -1, np.arange(count) % 2)
        draw = np.random.default_rng(0)
        self.shade = np.where(np.arange(count) % 2, 170, 80) + draw.integers(-30, 31, count)
        self.paths = [f"{row}.png" for row in range(count)]
        self.sizes = np.full((count, 2), 8)
        self.digests = np.zeros((count, 16), np.uint8)
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, items):
        self.asked += items.tolist()
        return torch.from_numpy(self.shade[items]).to(torch.uint8)[:, None, None, None].expand(-1, 8, 8, 3)


class Mean(nn.Module):
    """Mean colour and its distance from gray, after a batch norm that would move if it were in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        mean = self.norm(x).mean(dim=(2, 3))
        return torch.cat([mean, 0.5 - mean], dim=1)


def test_classes_that_features_tell_apart_are_told_apart() -> None:
    assert isinstance(Shades(), Images)
    found = OnlineProbes(Shades(), 8, ENGINE)(Mean())
    assert found["knn"] == 1 and found["linear"] == 1


def test_without_a_difference_it_is_chance() -> None:
    images = Shades(600)
    images.shade[:] = 100
    found = OnlineProbes(images, 8, ENGINE)(Mean())
    assert found["linear"] == pytest.approx(0.5, abs=0.15)


def test_only_labelled_images_are_read_and_no_more_than_the_sample() -> None:
    images = Shades()
    OnlineProbes(images, 8, ENGINE, sample=60)(Mean())
    assert len(images.asked) == len(set(images.asked)) == 60
    assert (images.labels[images.asked] >= 0).all()


def test_the_encoder_learns_nothing_of_it() -> None:
    encoder = Mean().train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    OnlineProbes(Shades(), 8, ENGINE)(encoder)
    assert encoder.training and encoder.norm.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert all(p.grad is None for p in encoder.parameters())


def test_labels_have_to_be_enough() -> None:
    assert OnlineProbes(Shades(200), 8, ENGINE).possible
    assert not OnlineProbes(Shades(100), 8, ENGINE).possible
