import math

import pytest
import torch

from twofold.nn.encoder import Encoder
from twofold.nn.fixed_patches import fix_patches, sine_cosine_positions


def test_positions_are_sines_and_cosines_of_column_and_row() -> None:
    positions = sine_cosine_positions(2, 3, 8)
    row, column = 1, 2
    expected = [
        wave(place * frequency)
        for place in (column, row)
        for wave in (math.sin, math.cos)
        for frequency in (1.0, 10_000**-0.5)
    ]
    torch.testing.assert_close(positions[3 * row + column], torch.tensor(expected))
    assert positions.shape == (6, 8) and len(positions.unique(dim=0)) == 6


def test_patches_and_positions_stand_still_and_all_else_moves() -> None:
    encoder = Encoder("vit_tiny_patch16_224", size=32)
    drawn = encoder.patch_embedding.proj.weight.clone()
    fix_patches(encoder)
    frozen = {name for name, p in encoder.named_parameters() if not p.requires_grad}
    assert frozen == {
        "backbone.pos_embed",
        "backbone.patch_embed.proj.weight",
        "backbone.patch_embed.proj.bias",
    }
    assert torch.equal(encoder.patch_embedding.proj.weight, drawn)
    assert not encoder.backbone.pos_embed[0, 0].any()  # the class token's
    assert torch.equal(encoder.backbone.pos_embed[0, 1:], sine_cosine_positions(2, 2, 192))


def test_other_networks_stay_as_they_are() -> None:
    encoder = Encoder("resnet18_w4", size=32)
    fix_patches(encoder)
    assert encoder.patch_embedding is None
    assert all(p.requires_grad for p in encoder.parameters())


@pytest.mark.parametrize(("name", "positions"), [("vit_b_32", 4), ("swin_t", None)])
def test_torchvisions_transformers_have_patches_too(name: str, positions: int | None) -> None:
    encoder = Encoder(f"torchvision/{name}", size=64)
    fix_patches(encoder)
    assert encoder.patch_embedding is not None
    assert not any(p.requires_grad for p in encoder.patch_embedding.parameters())
    assert sum(not p.requires_grad for p in encoder.parameters()) == (3 if positions else 4)
    if positions:
        assert torch.equal(encoder.backbone.pos_embed[0, 1:], sine_cosine_positions(2, 2, 768))


def test_a_network_that_was_trained_before_keeps_its_positions() -> None:
    encoder = Encoder("vit_tiny_patch16_224", size=32)
    learned = encoder.backbone.pos_embed.clone()
    encoder.begun = True
    fix_patches(encoder)
    assert torch.equal(encoder.backbone.pos_embed, learned)
    assert not encoder.backbone.pos_embed.requires_grad
