import threading
import time

import pytest
from safetensors.torch import save_file

from twofold.core.errors import TwofoldError, UsageError
from twofold.nn import public
from twofold.nn.encoder import Encoder, public_weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def fill(cache, name, model):
    repository = public_weights(name).repository.replace("/", "--")
    folder = cache / f"models--{repository}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("1")
    (folder / "snapshots" / "1").mkdir(parents=True)
    save_file(model.state_dict(), folder / "snapshots" / "1" / "model.safetensors")


def test_cached_weights_are_taken_without_asking_the_hub(cache, monkeypatch):
    import timm

    model = timm.create_model("test_resnet")
    fill(cache, "test_resnet", model)
    monkeypatch.setattr(public, "_hub_answers", lambda: pytest.fail("the hub was asked"))
    encoder = public.public_encoder("test_resnet")
    assert encoder.spec["size"] == 160
    assert encoder.spec["mean"] == [0.5, 0.5, 0.5]
    assert not encoder.training
    weight = next(iter(model.state_dict()))
    assert encoder.backbone.state_dict()[weight].equal(model.state_dict()[weight])


def test_weights_that_cannot_be_had_are_told_at_once(cache):
    started = time.monotonic()
    with pytest.raises(TwofoldError, match=r"resnet18 cannot be had.*timm/resnet18"):
        public.public_encoder("resnet18")
    assert time.monotonic() - started < 5


def test_a_hub_that_never_answers_does_not_hang(cache, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(public, "_PATIENCE", 0.05)
    monkeypatch.setattr(public, "_ask", lambda endpoint, answered: release.wait(10))
    assert not public.can_be_had("resnet18")
    release.set()


def test_a_hub_that_refuses_the_question_answers_all_the_same(monkeypatch):
    def refuse(*_, **__):
        raise public.urllib.error.HTTPError("http://hub", 403, "no", None, None)

    answered = threading.Event()
    monkeypatch.setattr(public.urllib.request, "urlopen", refuse)
    public._ask("http://hub", answered)
    assert answered.is_set()


def test_no_such_weights_is_a_usage_error():
    with pytest.raises(UsageError, match=r"'resnet81'.*did you mean"):
        public.public_encoder("resnet81")
    assert public_weights("resnet18_w16") is None
    assert not public.can_be_had("resnet18_w16")


def test_without_weights_nothing_changes():
    assert Encoder("test_resnet", size=32).spec["name"] == "test_resnet"
