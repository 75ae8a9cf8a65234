"""What an engine asks of torch."""

import os

import pytest
import torch

from twofold.train.engine import Engine


@pytest.fixture
def as_before(monkeypatch):
    """What is set for the whole process is set back."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for owner, name in (
        (torch.backends.cudnn, "benchmark"),
        (torch.backends.cudnn, "deterministic"),
        (torch.utils.deterministic, "fill_uninitialized_memory"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    yield
    torch.use_deterministic_algorithms(False)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gpu_is_asked_for_the_same_bits_every_time(device, as_before):
    """A CPU gives them anyway, and is left as it was."""
    on_gpu = device == "cuda"
    Engine.start("fp32", device, threads=1)
    assert torch.are_deterministic_algorithms_enabled() == on_gpu
    assert torch.backends.cudnn.deterministic == on_gpu
    assert torch.utils.deterministic.fill_uninitialized_memory != on_gpu
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == on_gpu
    if on_gpu:
        assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_batches_are_made_ahead_only_where_the_model_computes_elsewhere():
    assert Engine(torch.device("cpu"), "fp32", 1).ahead == 0
    assert Engine(torch.device("cuda:1"), "fp32", 1).ahead > 0
