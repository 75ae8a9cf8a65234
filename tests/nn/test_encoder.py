"""Encoders of every build say how long their features are."""

import pytest
import torch

from twofold.nn.encoder import Encoder


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18_w4", "resnet18", "mobilenetv3_small_050", "mobilenetv4_conv_small", "efficientnet_b0"),
        *("convnext_atto", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"),
        *("torchvision/vgg11", "torchvision/mobilenet_v3_small", "torchvision/vit_b_32"),
    ],
)
def test_features_and_maps_are_as_wide_as_the_encoder_says(name: str) -> None:
    encoder = Encoder(name, size=64).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert encoder(x).shape == (2, encoder.width)
        assert encoder.grid(x).shape[1] == encoder.map_width


@pytest.mark.parametrize("name", ["resnet18_w4", "mobilenetv3_small_050", "swin_tiny_patch4_window7_224"])
def test_networks_for_parts_of_the_colours_are_as_wide_together(name: str) -> None:
    encoder = Encoder(name, size=64, split={"space": "lab", "groups": [[0], [1, 2]]}).eval()
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, 64, 64)).shape == (2, encoder.width)
    assert sum(encoder.backbone.widths) == encoder.width


def test_another_device_has_channels_last_whatever_this_processor_is() -> None:
    assert Encoder("resnet18_w4", size=32).to("meta").layout == torch.channels_last
