import dataclasses
import json

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import Run
from twofold.evaluations._features import features
from twofold.evaluations._subjects import resolve
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder
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
