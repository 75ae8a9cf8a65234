import urllib.error

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from twofold.core.errors import TwofoldError, UsageError
from twofold.nn import torchvision_backbone
from twofold.nn.encoder import Encoder
from twofold.nn.public import torchvision_encoder
from twofold.nn.weights import load_encoder, save_encoder


def encoder(name, size=64):
    torch.manual_seed(0)
    return Encoder(f"torchvision/{name}", size=size).eval()


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("resnet18", "fc"),
        ("mobilenet_v3_small", "classifier.3"),
        ("vgg11", "classifier.6"),
        ("shufflenet_v2_x0_5", "fc"),
    ],
)
def test_features_are_what_the_last_layer_is_given(name, last):
    torch.manual_seed(0)
    whole = models.get_model(name).eval()
    seen = []
    whole.get_submodule(last).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    made = encoder(name)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        whole(made._normalise(images))
        torch.testing.assert_close(made(images), seen[0])
    assert made.width == seen[0].shape[1]


def test_a_network_that_ends_in_a_convolution_is_pooled():
    with torch.no_grad():
        assert encoder("squeezenet1_1")(torch.rand(2, 3, 64, 64)).shape == (2, 512)


@pytest.mark.parametrize(
    ("name", "size", "sides"),
    [
        ("resnet18", 64, [32, 16, 8, 4, 2]),
        ("alexnet", 127, [31, 15, 7, 3]),
        ("vit_b_32", 96, [3]),
    ],
)
def test_maps_are_the_last_of_each_resolution(name, size, sides):
    made = encoder(name, size)
    with torch.no_grad():
        maps = [made.grid(torch.rand(1, 3, size, size), stage) for stage in range(made.stages)]
    assert [each.shape[-1] for each in maps] == sides
    if name == "resnet18":
        images = torch.rand(1, 3, size, size)
        with torch.no_grad():
            torch.testing.assert_close(made.grid(images).mean((2, 3)), made(images))


def test_looking_for_maps_changes_neither_mode_nor_statistics():
    made = encoder("resnet18").train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert made.stages == 5
    assert made.backbone.network.training
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_gray_images_are_repeated():
    torch.manual_seed(0)
    gray = Encoder("torchvision/resnet18", size=32, channels=1, mean=(0.0,), std=(1.0,)).eval()
    colour = Encoder("torchvision/resnet18", size=32, mean=(0.0,) * 3, std=(1.0,) * 3).eval()
    colour.backbone.load_state_dict(gray.backbone.state_dict())
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(gray(images), colour(images.expand(-1, 3, -1, -1)))


def test_it_is_saved_and_loaded_as_any_encoder(tmp_path):
    made = encoder("mobilenet_v3_small")
    save_encoder(made, tmp_path / "encoder.safetensors")
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        np.testing.assert_array_equal(load_encoder(tmp_path / "encoder.safetensors")(images), made(images))


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(UsageError, match="no classifier 'resnet17'; did you mean 'resnet1"):
        encoder("resnet17")
    with pytest.raises(UsageError, match="no classifier 'fasterrcnn"):
        encoder("fasterrcnn_resnet50_fpn")


def test_weights_that_cannot_be_downloaded_say_what_to_put_where(monkeypatch, tmp_path):
    def no_network(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        TwofoldError, match=r"cannot be had .*download https://\S+ and put it at .*checkpoints"
    ):
        torchvision_encoder("resnet18")


def test_public_weights_are_taken_at_the_size_and_colours_that_they_expect(monkeypatch):
    torch.manual_seed(0)
    state = models.get_model("mobilenet_v3_small").state_dict()
    weights = models.get_model_weights("mobilenet_v3_small").DEFAULT
    monkeypatch.setattr(type(weights), "get_state_dict", lambda *_, **__: state)
    made = torchvision_encoder("mobilenet_v3_small")
    assert made.spec == {
        "name": "torchvision/mobilenet_v3_small",
        "channels": 3,
        "size": 224,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    assert torch.equal(made.backbone.network.features[0][0].weight, state["features.0.0.weight"])
    assert not made.training


def test_only_the_last_layer_is_gone():
    made = torchvision_backbone.TorchvisionBackbone("resnet18", 64, False)
    assert isinstance(made.network.fc, nn.Identity)
    assert made.num_features == 512
