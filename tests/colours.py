"""A tiny run, and images of three colours that any encoder can tell apart."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder

COLOURS = {"blue": (40, 60, 200), "green": (60, 180, 60), "red": (200, 50, 40)}


def make_run(path: Path, encoder: Encoder | None = None, **opened: str | int) -> Path:
    """A run folder with nothing but what is needed to use its encoder."""
    path.mkdir(parents=True)
    (path / "spec.json").write_text(json.dumps({"data": {"open": opened}}))
    save_encoder(encoder or make_encoder(), path / "encoder.safetensors")
    return path


def make_encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet18_w4", size=16)


def make_images(folder: Path, each: int, *, seed: int = 0, by_class: bool = True) -> Path:
    """``each`` noisy images of every colour, in a folder a class or all in one."""
    random = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        for number in range(each):
            noise = random.normal(0, 30, (24 + number % 5, 28, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            file = folder / name / f"{number:03}.png" if by_class else folder / f"{name}-{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return folder
