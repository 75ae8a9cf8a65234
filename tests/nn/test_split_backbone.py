from pathlib import Path

import pytest
import torch

from twofold.core.colour_spaces import convert
from twofold.core.errors import UsageError
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder, save_encoder

LAB = {"space": "lab", "groups": [[0], [1, 2]]}


SIZES = {"resnet18_w4": 32, "vit_tiny_patch16_224": 32, "swin_tiny_patch4_window7_224": 56}


@pytest.mark.parametrize("name", SIZES)
def test_each_network_sees_its_channels_and_features_stand_side_by_side(name: str) -> None:
    encoder = Encoder(name, size=SIZES[name], split=LAB).eval()
    x = torch.rand(3, 3, SIZES[name], SIZES[name])
    colours = 2 * convert(x, "lab") - 1
    one, other = encoder.backbone.networks
    expected = [
        net.forward_head(net.forward_features(part), pre_logits=True)
        for net, part in ((one, colours[:, :1]), (other, colours[:, 1:]))
    ]
    torch.testing.assert_close(encoder(x), torch.cat(expected, dim=1))
    assert encoder.grid(x).shape[1] == encoder.width
    assert encoder.width == sum(encoder.backbone.widths) == encoder(x).shape[1]


def test_lightness_alone_moves_only_its_own_features() -> None:
    encoder = Encoder("resnet18_w4", size=32, split={"space": "ycbcr", "groups": [[0], [1, 2]]}).eval()
    gray = torch.rand(2, 1, 32, 32).expand(2, 3, 32, 32)
    light, colour = (encoder(x).split(encoder.backbone.widths, dim=1) for x in (gray, gray / 2))
    assert not torch.allclose(light[0], colour[0])
    torch.testing.assert_close(light[1], colour[1], atol=1e-3, rtol=1e-3)


def test_maps_of_every_stage_and_weights_on_disk(tmp_path: Path) -> None:
    encoder = Encoder("resnet18_w4", size=32, split=LAB).eval()
    x = torch.rand(2, 3, 32, 32)
    assert encoder.grid(x, 1).shape[1] == encoder.backbone.feature_info[1]["num_chs"] == 2 * 4
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    torch.testing.assert_close(load_encoder(tmp_path / "encoder.safetensors")(x), encoder(x))


def test_gray_images_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="gray"):
        Encoder("resnet18_w4", channels=1, size=32, split=LAB)


@pytest.mark.parametrize("groups", [[[0, 1, 2]], [[0], [3]], [[0], []], []])
def test_groups_that_are_none_are_refused(groups: list[list[int]]) -> None:
    with pytest.raises(UsageError, match=r"--groups .*: give two groups or more"):
        Encoder("resnet18_w4", size=32, split={"space": None, "groups": groups})


def test_a_network_that_takes_all_colours_is_refused() -> None:
    with pytest.raises(UsageError, match="give one of timm's models"):
        Encoder("torchvision/resnet18", size=32, split=LAB)
