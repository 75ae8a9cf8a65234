import dataclasses
import json

import numpy as np
import pytest
import torch

import run_cases
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import Run
from twofold.evaluations._features import features
from twofold.evaluations._floors import floors
from twofold.evaluations._subjects import resolve
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_parts, save_encoder
from twofold.train.checkpoint import keep_checkpoint

SPEC = {"name": "resnet18_w4", "channels": 1, "size": 12, "mean": [0.3], "std": [0.1]}


@pytest.fixture
def toy(source):
    return source(train=np.arange(12) % 3)


@pytest.fixture
def encoder():
    return Encoder(**SPEC).eval()


@pytest.fixture
def run(tmp_path, encoder):
    """A finished run's folder."""
    method = {"name": "simclr", "revision": 1, "arguments": {}}
    made = Run(method, SPEC, {"name": "toy", "fingerprint": "f1"}, {}, 12, {}, 4, 1, 1.0, 0, "fp32")
    folder = tmp_path / "a-run"
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(dataclasses.asdict(made)))
    save_encoder(encoder, folder / "encoder.safetensors")
    state = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    keep_checkpoint(folder, {"method": {**state, "projector.weight": torch.ones(2)}, "step": 1})
    return folder


def embed(subject, encoder):
    (make,) = subject.networks
    views = torch.rand(2, subject.channels, subject.size, subject.size)
    with torch.no_grad():
        return make()(views), encoder(views)


@pytest.mark.parametrize("file", ["", "encoder.safetensors", "last.ckpt"])
def test_a_run_its_weights_and_its_checkpoint_are_the_same_encoder(run, file, toy, encoder):
    subject = resolve(str(run / file), toy)
    assert (subject.size, subject.channels) == (12, 1)
    assert subject.encoder == SPEC
    torch.testing.assert_close(*embed(subject, encoder))
    assert subject.name == ("a-run" if not file else f"a-run/{file}")
    assert subject.run == (run if not file else None)


def test_a_run_that_was_stopped_says_how_to_go_on(run, toy):
    (run / "encoder.safetensors").unlink()
    with pytest.raises(TwofoldError, match=r"no encoder yet.*--resume.*last.ckpt"):
        resolve(str(run), toy)


def test_random_encoders_fit_the_data_and_are_the_same_every_time(toy, images, engine):
    subject = resolve("random:resnet18_w4", toy)
    assert (subject.size, subject.channels) == (8, 3)
    assert subject.encoder["mean"] == list(toy.mean)
    state = torch.get_rng_state()
    split = images(np.zeros(3, int))
    vectors = [features(make(), split, size=8, channels=3, engine=engine) for make in subject.networks * 2]
    assert len(subject.networks) == 3
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert not np.allclose(vectors[0], vectors[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert subject.protocol["networks"] == 3


def test_pixels_are_the_view_itself_standardised_by_channel(toy, engine):
    subject = resolve("pixels", toy)
    split = toy.splits["train"]
    (make,) = subject.networks
    vectors = features(make(), split, size=subject.size, channels=3, engine=engine)
    expected = (split.pixels.permute(0, 3, 1, 2).float() / 255 - 0.4) / 0.2
    np.testing.assert_allclose(vectors, expected.flatten(1).numpy(), atol=1e-5)
    assert "flattened" in subject.protocol["view"]


def test_pixels_of_large_images_are_those_of_a_small_view(toy):
    large = dataclasses.replace(toy, size=300)
    assert resolve("pixels", large).size == 32
    assert resolve("random:resnet18_w4", large).size == 224


@pytest.mark.parametrize("text", ["nowhere", "random:", "timm:", "pixel", "torch:resnet18"])
def test_what_cannot_be_judged_is_a_usage_error(text, toy):
    with pytest.raises(UsageError, match="nothing to judge"):
        resolve(text, toy)


def test_a_folder_that_is_no_run_is_told(tmp_path, toy):
    with pytest.raises(TwofoldError, match="not a run folder"):
        resolve(str(tmp_path), toy)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real run of a method with a projector and a predictor."""
    folder = tmp_path_factory.mktemp("trained")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
    np.save(folder / "images.npy", pixels)
    return run_cases.begin(folder / "images.npy", folder / "runs", changes={"method": "byol", "epochs": 1.0})


def test_a_run_up_to_one_of_its_parts_is_what_the_part_makes_of_its_encoder(trained, toy):
    whole, inside = resolve(str(trained), toy), resolve(f"{trained}@projector", toy)
    assert inside.name == f"{trained.name}@projector"
    assert (inside.run, inside.size, inside.encoder) == (trained, whole.size, whole.encoder)
    parts = whole.parts()
    assert {"projector", "predictor"} <= parts.keys()
    vectors, h = embed(inside, whole.networks[0]())
    with torch.no_grad():
        torch.testing.assert_close(vectors, parts["projector"](h))


def test_parts_are_those_that_were_trained(trained, toy):
    parts, saved = resolve(str(trained), toy).parts(), load_parts(trained / "parts.safetensors")
    for name, value in parts["projector"].state_dict().items():
        assert torch.equal(value, saved["projector"][name])
    assert not any(module.training for part in parts.values() for module in part.modules())


def test_a_layer_of_a_part_is_reached_and_the_last_is_the_part(trained, toy):
    layers = [name for name, _ in resolve(str(trained), toy).parts()["projector"].named_children()]
    first, last = (resolve(f"{trained}@projector.{name}", toy) for name in (layers[0], layers[-1]))
    views = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        made = {one.name: one.networks[0]()(views) for one in (first, last)}
        whole = resolve(f"{trained}@projector", toy).networks[0]()(views)
    torch.testing.assert_close(made[last.name], whole)
    assert made[first.name].shape[1] != whole.shape[1]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("projecter", "no part 'projecter' that takes .*; did you mean 'projector'"),
        ("head", "those that do: predictor, projector$"),
        ("projector.99", r"'projector' has no layer '99'; its layers: 0"),
    ],
)
def test_a_part_that_is_not_there_is_told_with_those_that_are(trained, toy, where, told):
    with pytest.raises(UsageError, match=told):
        resolve(f"{trained}@{where}", toy)


def test_a_checkpoint_has_no_parts(run, toy):
    with pytest.raises(UsageError, match=r"no part 'projector' .*; those that do: none"):
        resolve(f"{run / 'encoder.safetensors'}@projector", toy)


def test_tokens_of_any_transformer_are_a_subject(toy):
    subject = resolve("random:vit_small_patch8_224@cls4", toy)
    assert (subject.name, len(subject.networks)) == ("random:vit_small_patch8_224@cls4", 3)
    with torch.no_grad():
        assert subject.networks[0]()(torch.rand(2, 3, subject.size, subject.size)).shape == (2, 4 * 384)


@pytest.mark.parametrize("text", ["pixels@cls4", "random:resnet18_w4@cls+mean"])
def test_tokens_of_what_has_none_are_told(text, toy):
    with pytest.raises(UsageError, match="vision transformers"):
        resolve(text, toy)


def test_random_torchvision_models_fit_the_data_or_are_as_small_as_they_can_be(toy):
    subject = resolve("random:torchvision/mobilenet_v3_small", toy)
    assert (subject.size, subject.channels, len(subject.networks)) == (8, 3, 3)
    assert subject.encoder["mean"] == list(toy.mean)
    assert resolve("random:torchvision/alexnet", toy).size == 63


def test_torchvision_models_with_weights_have_random_ones_as_floor(toy, engine, monkeypatch):
    public = Encoder("torchvision/mobilenet_v3_small", size=32).eval()
    monkeypatch.setattr("twofold.evaluations._subjects.torchvision_encoder", lambda name: public)
    subject = resolve("torchvision:mobilenet_v3_small", toy)
    below, notes = floors(subject, toy, engine)
    assert [floor.name for floor in below] == ["pixels", "random:torchvision/mobilenet_v3_small"]
    assert below[1].size == subject.size == 32
    assert notes == []
