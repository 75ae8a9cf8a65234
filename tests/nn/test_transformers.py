"""Vision transformers as encoders: views of any side."""

import pytest
import torch

from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder, save_encoder


@pytest.mark.parametrize("side", [16, 24, 32, 40])
def test_views_of_any_side_are_embedded(side: int) -> None:
    encoder = Encoder("vit_tiny_patch16_224", size=32).eval()
    assert encoder(torch.rand(2, 3, side, side)).shape == (2, encoder.width)
    cells = -(-side // 16)
    assert encoder.grid(torch.rand(2, 3, side, side)).shape == (2, encoder.width, cells, cells)


def test_saved_and_loaded_it_embeds_alike(tmp_path) -> None:
    encoder = Encoder("vit_tiny_patch16_224", size=32).eval()
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    x = torch.rand(2, 3, 24, 24)
    assert torch.equal(load_encoder(tmp_path / "encoder.safetensors").eval()(x), encoder(x))
