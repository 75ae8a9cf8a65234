"""The snippets of ``docs/using.md``, as they stand there."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import twofold
from colours import make_run
from twofold.nn.encoder import Encoder

PAGE = (Path(__file__).parents[2] / "docs/using.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WITH_TWOFOLD, READING, TIMM, TORCHVISION, PLAIN = SNIPPETS


@pytest.mark.parametrize(
    ("name", "size", "snippet"),
    [
        ("resnet18", 80, TIMM),
        ("resnet18", 80, TORCHVISION),
        ("resnet18_w4", 80, PLAIN),
        ("resnet18_w4", 32, PLAIN),
    ],
)
def test_the_weights_load_without_twofold(
    name: str, size: int, snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    encoder = Encoder(name, size=size, mean=(0.3, 0.4, 0.5), std=(0.2, 0.3, 0.1))
    for part in encoder.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1)
    make_run(tmp_path / "runs/RUN", encoder)
    made: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        exec(READING + snippet, made)
        expected = twofold.load("runs/RUN")(made["colours"])
    assert "twofold" not in READING.replace("twofold.encoder", "") + snippet
    torch.testing.assert_close(made["vectors"], expected, rtol=1e-3, atol=1e-4)


def test_and_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs/RUN")
    for file in ("one.jpg", "two.png"):
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file)
    made: dict[str, torch.Tensor] = {}
    exec(WITH_TWOFOLD, made)
    assert made["vectors"].shape == (2, 32)
    assert not made["vectors"].requires_grad
