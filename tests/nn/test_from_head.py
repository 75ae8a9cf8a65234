import pytest
import torch
from torch import nn

from twofold.core.errors import UsageError
from twofold.nn.directions import bottleneck
from twofold.nn.encoder import Encoder
from twofold.nn.from_head import with_layers
from twofold.nn.heads import bare_norm, mlp, pixel_mlp, scale_norm
from twofold.nn.weights import load_encoder, save_encoder


def deep_head(width: int, depth: int = 2) -> nn.Module:
    """SimCLR's."""
    return mlp(width, 24, 8, depth=depth, bias=False, last=scale_norm)


def used(head: nn.Module, width: int) -> nn.Module:
    """The head with norms that have seen something."""
    for _ in range(3):
        head(3 * torch.randn(32, width) + 1)
    return head.eval()


@pytest.fixture
def encoder() -> Encoder:
    return Encoder("resnet18_w4", size=16).eval()


@pytest.mark.parametrize(
    ("make", "layers", "until"),
    [
        (deep_head, 1, 3),
        (deep_head, 2, 6),
        (lambda width: deep_head(width, depth=4), 4, 12),
        (lambda width: mlp(width, 24, 8), 1, 3),
        (lambda width: mlp(width, 24, 8, last=bare_norm), 1, 3),
        (lambda width: mlp(width, 24, 8, norm=False), 1, 2),
    ],
)
def test_its_vectors_are_the_outputs_of_that_layer(encoder: Encoder, make, layers: int, until: int) -> None:
    head = used(make(encoder.width), encoder.width)
    x = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        expected = head[:until](encoder(x))
        grown = with_layers(encoder, head, layers)
        assert not grown.training and grown.width == 24
        torch.testing.assert_close(grown(x), expected, rtol=1e-4, atol=1e-5)


def test_it_survives_the_disk(encoder: Encoder, tmp_path) -> None:
    head = used(deep_head(encoder.width, depth=4), encoder.width)
    save_encoder(with_layers(encoder, head, 4), tmp_path / "encoder.safetensors")
    x = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        again = load_encoder(tmp_path / "encoder.safetensors")(x)
        torch.testing.assert_close(again, head[:12](encoder(x)), rtol=1e-4, atol=1e-5)


def test_an_encoder_without_such_layers_is_described_as_ever(encoder: Encoder) -> None:
    assert "head" not in encoder.spec
    assert not any(name.startswith("head") for name in encoder.state_dict())


def test_the_output_layer_and_other_heads_cannot_be_kept(encoder: Encoder) -> None:
    with pytest.raises(UsageError, match="has 3, the last"):
        with_layers(encoder, deep_head(encoder.width), 3)
    with pytest.raises(UsageError, match="Conv2d in it"):
        with_layers(encoder, pixel_mlp(encoder.width, 24, 8), 1)
    with pytest.raises(UsageError, match="GELU in it"):
        with_layers(encoder, bottleneck(encoder.width, 24, 8, norm=False), 1)
    with pytest.raises(UsageError, match="Identity in it"):
        with_layers(encoder, mlp(encoder.width, 24, 0), 1)
