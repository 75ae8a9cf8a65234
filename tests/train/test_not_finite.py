"""What is said of a loss that is no number: the first thing on the way that is none."""

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from twofold.core.batch import Step
from twofold.core.method import Method
from twofold.nn.bank import Partition
from twofold.train.engine import Engine
from twofold.train.loop import Training, fit
from twofold.train.not_finite import NotFinite, all_finite, is_finite, not_finite
from twofold.train.optim import OptimizerSpec
from twofold.train.statistics import Statistics
from twofold.train.stream import Stream
from twofold.views.maker import ViewMaker

CPU = torch.device("cpu")


class Named:
    """A split whose images have names, and which nobody reads."""

    paths = tuple(f"{row}.png" for row in range(tiny.COUNT))
    labels = None
    sizes = np.full((tiny.COUNT, 2), 16)
    digests = np.zeros((tiny.COUNT, 16), np.uint8)

    def __len__(self):
        return tiny.COUNT

    def read(self, items):
        raise NotImplementedError


def told(method, batch, embedding) -> str:
    step = Step(torch.tensor(float("inf")), {"embedding": embedding})
    return str(not_finite(method, Named(), batch, step, tiny.progress(0)))


@pytest.fixture(scope="module")
def method():
    return tiny.make_method("simclr")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_one_loss_that_is_none_is_seen_and_read_as_often_as_asked(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    for bad in (float("nan"), float("inf"), 1.0):
        finite = all_finite(torch.tensor([2.0, bad], device=device))
        assert finite() == finite() == (bad == 1)


def test_step_and_images_are_named(method):
    batch = tiny.make_batch(method)
    text = told(method, batch, torch.ones(tiny.COUNT, 4))
    assert text.startswith("the loss became inf at step 1000 (epoch 20), on the images 0.png, 1.png, 2.png")
    assert "and 11 more" in text


def test_the_cause_is_the_first_thing_that_is_no_number(method):
    batch = tiny.make_batch(method)
    good = torch.ones(tiny.COUNT, 4)
    assert "the loss itself goes too far" in told(method, batch, good)
    zero = good.clone()
    zero[3] = 0
    assert "an embedding is zero" in told(method, batch, zero)
    assert "the embeddings are not: give a lower --lr" in told(method, batch, good * torch.nan)
    with torch.no_grad():
        weight = next(method.parameters())
        kept = weight.clone()
        weight[0] = torch.inf
        assert "earlier steps made the weights infinite" in told(method, batch, good * torch.nan)
        assert not is_finite(method)
        weight.copy_(kept)
    assert is_finite(method)
    batch.views[1].pixels[5, 0, 2, 2] = torch.nan
    assert "the views of 5.png are not finite" in told(method, batch, good * torch.nan)


@pytest.mark.parametrize("name", ["simclr", "byol"])
def test_statistics_and_random_numbers_go_back_to_what_they_were(name):
    method = tiny.make_method(name)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    drawn = torch.get_rng_state()
    statistics = Statistics(method, CPU)
    statistics.keep()
    method(tiny.make_batch(method), tiny.progress(0))
    torch.rand(3)
    assert any(not torch.equal(value, before[key]) for key, value in method.state_dict().items())
    statistics.restore()
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)


def test_the_random_numbers_of_a_gpu_go_back_too(monkeypatch):
    now = torch.arange(4, dtype=torch.uint8)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: now.clone())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: now.copy_(state))
    statistics = Statistics(nn.Linear(1, 1), torch.device("cuda"))
    now += 1
    statistics.keep()
    now += 1
    statistics.restore()
    assert now.tolist() == [1, 2, 3, 4]


class Black(Named):
    """Images that can be read."""

    def read(self, items):
        return torch.zeros(len(items), 16, 16, 3, dtype=torch.uint8)


def test_the_loss_is_read_after_backward_and_still_nothing_has_moved():
    """A GPU would stand still between the two."""
    method, passed = tiny.make_method("simclr"), []
    forward = method.forward

    def poisoned(batch, progress):
        step = forward(batch, progress)
        loss = step.loss * torch.nan
        loss.register_hook(passed.append)
        return step._replace(loss=loss)

    method.forward = poisoned
    before = {key: value.clone() for key, value in method.state_dict().items()}
    views = ViewMaker(method.views, seed=0, view_size=16, channels=3)
    stream = Stream(Black(), views, tiny.COUNT, 0)
    optimizer = tiny.make_optimizer(method)
    training = Training(method, optimizer, OptimizerSpec(), stream, Engine(CPU, "fp32", 1), total=2)
    with pytest.raises(NotFinite):
        fit(training, lambda *_: None)
    assert len(passed) == 1
    assert training.step == 0
    assert not optimizer.state
    assert all(p.grad is None for p in method.parameters())
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())


def test_a_constant_that_is_not_estimated_yet_is_no_failure():
    """Z of noise-contrastive estimation begins at minus infinity, and stays there where it is not used."""
    method = Method()
    method.partition, method.weight = Partition(), nn.Parameter(torch.ones(2))
    assert is_finite(method)
    method.partition.log_z.fill_(torch.inf)
    assert not is_finite(method)
    method.partition.log_z.fill_(0.0)
    method.weight.data[0] = torch.nan
    assert not is_finite(method)
