"""Small data sets with labels, and features of them."""

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.core.run import Run
from twofold.core.source import Source
from twofold.evaluations._look import Look
from twofold.evaluations._task import Embedded, Task, make_task
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder
from twofold.train.engine import Engine


@dataclass
class FakeImages:
    """Images in memory; ``read`` is counted."""

    pixels: torch.Tensor
    labels: np.ndarray | None
    reads: int = 0

    @property
    def paths(self):
        return [f"{row}.png" for row in range(len(self))]

    @property
    def sizes(self):
        return np.tile(np.array(self.pixels.shape[1:3]), (len(self), 1))

    @property
    def digests(self):
        return np.zeros((len(self), 16), np.uint8)

    def __len__(self):
        return len(self.pixels)

    def read(self, items):
        self.reads += 1
        return self.pixels[torch.from_numpy(items)]


def fake_images(labels, *, side=8, channels=3, seed=0):
    """Images whose brightness tells the class, more or less."""
    labels = np.asarray(labels)
    random = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 60, (len(labels), side, side, channels), generator=random)
    tint = torch.from_numpy(labels.clip(0) * 80)[:, None, None, None]
    return FakeImages((noise + tint).to(torch.uint8), labels)


def fake_source(classes=("ant", "bee", "cat"), channels=3, **splits):
    images = {
        name: i if isinstance(i, FakeImages) else fake_images(i, channels=channels)
        for name, i in splits.items()
    }
    return Source("toy", images, tuple(classes), channels, 8, (0.4,) * channels, (0.2,) * channels, "f1")


@pytest.fixture
def source():
    """Makes a source from the labels of its splits."""
    return fake_source


@pytest.fixture
def images():
    """Makes images from labels."""
    return fake_images


@pytest.fixture
def task():
    """90 images to fit on and 60 to judge, of three classes."""
    return make_task(fake_source(train=np.arange(90) % 3, test=np.arange(60) % 3))


@pytest.fixture
def embedded():
    """Makes overlapping clusters of features."""

    def make(count=300, judged=200, width=16, classes=4, distance=2.0, seed=0) -> Embedded:
        random = torch.Generator().manual_seed(seed)
        names = tuple(f"class {number}" for number in range(classes))
        fit_labels, judge_labels = (np.arange(n) % classes for n in (count, judged))
        source = fake_source(
            names, train=fake_images(fit_labels, side=1), test=fake_images(judge_labels, side=1)
        )
        made: Task = make_task(source)
        middles = torch.randn(classes, width, generator=random) * distance / width**0.5
        sides = (
            middles[torch.from_numpy(labels)] + torch.randn(len(labels), width, generator=random)
            for labels in (fit_labels, judge_labels)
        )
        look = Look(torch.nn.Flatten().eval(), 1, 3, Engine(torch.device("cpu"), "fp32", 1))
        return Embedded("a run", made, *sides, dict(made.protocol), look)

    return make


@pytest.fixture
def seen(source, engine):
    """Makes what a network sees of 40 images to fit on and 24 to judge on, which have no labels."""

    def make(network, *, side=8, channels=3, parts=None, pixels=None, count=40, judged=24) -> Embedded:
        sides = [fake_images(np.arange(n) % 3, side=side, channels=channels, seed=n) for n in (count, judged)]
        for images in sides:
            images.labels = None
            images.pixels = images.pixels if pixels is None else pixels(images.pixels)
        made = make_task(source(train=sides[0], test=sides[1], channels=channels), labelled=False)
        made = dataclasses.replace(made, fit=sides[0], judge=sides[1])
        look = Look(network.eval(), side, channels, engine, parts=parts or {})
        return Embedded("a run", made, *map(look.features, sides), dict(made.protocol), look)

    return make


@pytest.fixture
def engine():
    """The CPU in float32."""
    return Engine(torch.device("cpu"), "fp32", 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of tiny images, told apart by brightness, in train and test."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 10)):
        for number, name in enumerate(("dark", "light")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for row in range(count):
                pixels = random.integers(0, 90, (8, 8, 3)) + 120 * number
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
    return root


@pytest.fixture
def make_run():
    """Makes the folder of a finished run whose encoder is untrained."""

    def make(folder, data, seed=0, **changes):
        torch.manual_seed(seed)
        encoder = Encoder("resnet18_w4", size=8)
        method = {"name": "simclr", "revision": 1, "arguments": {}}
        about = {
            "name": "photos",
            "fingerprint": "f1",
            "images": 40,
            "open": {"data": str(data), "labels": "auto"},
        }
        made = dataclasses.replace(
            Run(method, encoder.spec, about, {}, 8, {}, 4, 1, 1.0, seed, "fp32"), **changes
        )
        folder.mkdir()
        (folder / "spec.json").write_text(json.dumps(dataclasses.asdict(made)))
        save_encoder(encoder, folder / "encoder.safetensors")
        return folder

    return make
