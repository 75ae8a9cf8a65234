"""Fine-tuning of encoder and head."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from twofold.apply.finetune import finetune
from twofold.apply.head import fit_linear
from twofold.core.source import Pixels
from twofold.data.screen import Screen
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine

ENGINE = Engine(torch.device("cpu"), "fp32", 1)


def make_encoder(**changes: Any) -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet18_w16", size=16, **changes).eval()


class Shades:
    """Noise, of which one class is a little brighter."""

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.labels = np.arange(count) % 2
        shade = 55 * self.labels[:, None, None, None]
        self.pixels = torch.from_numpy((random.integers(0, 200, (count, 16, 16, 3)) + shade).astype(np.uint8))
        self.sizes = np.tile([16, 16], (count, 1))
        self.paths = [f"{number}.png" for number in range(count)]

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, items: np.ndarray) -> Pixels:
        return self.pixels[torch.from_numpy(items)]

    @torch.no_grad()
    def loss(self, encoder: nn.Module, head: nn.Module) -> float:
        logits = head(encoder(self.views))
        return F.cross_entropy(logits, torch.from_numpy(self.labels)).item()

    @property
    def views(self) -> torch.Tensor:
        return self.pixels.permute(0, 3, 1, 2) / 255


def test_new_images_are_classified_better_and_the_originals_stay_as_they_were(monkeypatch) -> None:
    monkeypatch.setattr("twofold.apply.finetune._FEWEST_STEPS", 40)
    encoder = make_encoder()
    seen, new = Shades(16, seed=0), Shades(40, seed=1)
    with torch.no_grad():
        head = fit_linear(encoder(seen.views), torch.from_numpy(seen.labels), 2, strength=10.0)
    before = new.loss(encoder, head)
    tuned = finetune(
        encoder, head, seen, channels=3, epochs=1, seed=0, engine=ENGINE, screen=Screen(speaks=False)
    )
    assert new.loss(*tuned) < 0.8 * before
    assert new.loss(encoder, head) == before
    assert not any(module.training for network in tuned for module in network.modules())


def test_the_seed_decides(monkeypatch) -> None:
    monkeypatch.setattr("twofold.apply.finetune._FEWEST_STEPS", 3)
    encoder = make_encoder()
    seen = Shades(8, seed=0)
    with torch.no_grad():
        head = fit_linear(encoder(seen.views), torch.from_numpy(seen.labels), 2, strength=1.0)
    weights = []
    for seed in (0, 0, 1):
        tuned, _ = finetune(
            encoder, head, seen, channels=3, epochs=1, seed=seed, engine=ENGINE, screen=Screen(speaks=False)
        )
        weights.append(torch.cat([p.flatten() for p in tuned.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_gray_encoder_is_tuned_on_colour_images(monkeypatch) -> None:
    monkeypatch.setattr("twofold.apply.finetune._FEWEST_STEPS", 2)
    encoder = make_encoder(channels=1, mean=(0.5,), std=(0.3,))
    seen = Shades(8, seed=0)
    with torch.no_grad():
        gray = encoder(seen.views.mean(dim=1, keepdim=True))
    head = fit_linear(gray, torch.from_numpy(seen.labels), 2, strength=1.0)
    tuned, _ = finetune(
        encoder, head, seen, channels=3, epochs=1, seed=0, engine=ENGINE, screen=Screen(speaks=False)
    )
    assert tuned.spec["channels"] == 1
