from pathlib import Path

import pytest
import torch

from twofold.train.engine import Engine
from twofold.train.environment import differences, environment, processor

CLOUD = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: {family}
model\t\t: {model}
model name\t: AMD EPYC
power management:

processor\t: 1
model\t\t: 99
"""


@pytest.fixture
def told(monkeypatch):
    """Has the system tell of a processor."""

    def tell(text):
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
        return processor()

    return tell


def test_generations_of_one_name_are_told_apart(told):
    """A run that goes on on another generation is not bit-exact, and a measured precision is not its own."""
    fourth, fifth = (told(CLOUD.format(family=family, model=17)) for family in (25, 26))
    assert fourth == "AMD EPYC (family 25, model 17)"
    assert fourth != fifth


def test_a_processor_without_a_name_in_the_file_has_that_of_the_platform(told, monkeypatch):
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert told("processor\t: 0\nBogoMIPS\t: 50.00\n") == "aarch64"


def test_another_gpu_numpy_or_twofold_makes_a_resumed_run_inexact(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    now = environment(Engine(torch.device("cuda"), "bf16", 1))
    assert differences(now, now) == []
    began = {**now, "gpu": "T4", "numpy": "1.0", "twofold": "0.0"}
    assert {told.split()[0] for told in differences(began, now)} == {"gpu", "numpy", "twofold"}
    assert "gpu was T4 and is now H100" in differences(began, now)


def test_what_older_runs_do_not_tell_keeps_them_exact_on_a_processor():
    now = environment(Engine(torch.device("cpu"), "fp32", 1))
    older = {name: value for name, value in now.items() if name not in ("gpu", "numpy", "compiled")}
    assert differences(older, now) == []
