"""Vision transformers as encoders: views of any side."""

import pytest
import timm
import torch

from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder, save_encoder


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("deit_tiny_patch16_224", 64),
        ("eva02_tiny_patch14_224", 56),
        ("vit_tiny_r_s16_p8_224", 64),
        ("swin_tiny_patch4_window7_224", 64),
    ],
)
def test_transformers_of_timms_other_modules_take_them_too(name: str, size: int) -> None:
    encoder = Encoder(name, size=size).eval()
    plain = timm.create_model(name, num_classes=0, img_size=size).eval()
    plain.load_state_dict(encoder.backbone.state_dict())
    with torch.no_grad():
        for side in (24, 40):
            assert encoder(torch.rand(2, 3, side, side)).shape == (2, encoder.width)
        x = torch.rand(2, 3, size, size)
        assert torch.equal(plain(encoder._normalise(x)), encoder(x))


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
