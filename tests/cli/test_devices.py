"""Runs by several processes, as a user starts them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from twofold.cli import main
from twofold.cli._launch import launch
from twofold.core import dist
from twofold.core.errors import ToldElsewhere
from twofold.core.processes import LAUNCHED

TINY = [
    "--encoder",
    "resnet18_w4",
    "--size",
    "16",
    "--view-size",
    "16",
    "--batch-size",
    "8",
    "--threads",
    "1",
]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8))
    return path


def test_ctrl_c_stops_both_and_leaves_a_run_that_both_go_on_with(images: Path, tmp_path: Path) -> None:
    words = [str(images), *TINY, "--epochs", "8", "--devices", "2", "--out", str(tmp_path / "runs")]
    launcher = started("pretrain", *words)
    log = wait_for(tmp_path / "runs", "*/log.jsonl")
    launcher.send_signal(signal.SIGINT)
    out, err = launcher.communicate(timeout=240)
    assert launcher.returncode == 130, err
    run = log.parent
    told = f"stopped; go on with: twofold pretrain --resume {run}"
    assert out == "" and err.count(told) == 1 and err.splitlines()[-1] == told
    assert len(log.read_text().splitlines()) < 24

    resumed = started("pretrain", "--resume", str(run), "--devices", "2", "--threads", "1")
    out, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, err
    assert "not bit-exact" not in err
    assert re.findall(r"^\w+", out, re.MULTILINE) == ["run", "report", "next"]
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, 25))
    assert json.loads((run / "spec.json").read_text())["processes"] == 2


def started(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "twofold", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(folder: Path, pattern: str) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = list(folder.glob(pattern))
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} in {folder}")


PROGRAM = """
import os, sys
from twofold import cli
from twofold.core.errors import TwofoldError, UsageError

def work(words):
    from twofold.core import dist
    with dist.joined():
        rank = dist.rank()
        {body}
        dist.anyone(False)
    return 0

cli._dispatch = work
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("raise UsageError('give less')", 2, ["twofold: give less"]),
        ("if rank == 1: raise TwofoldError('no room')", 1, ["twofold: no room"]),
        ("if rank == 1: os.kill(os.getpid(), 9)", 137, ["twofold: process 1 of 2 was ended by SIGKILL"]),
    ],
)
def test_a_failure_ends_all_and_is_told_once(
    body: str, status: int, told: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    assert launch([sys.executable, "-c", PROGRAM.format(body=body)], 2) == status
    assert time.monotonic() - began < 60
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("twofold:")]
    assert len(lines) == len(told)
    assert all(part in line for part, line in zip(told, lines, strict=True))


def test_devices_beside_torchrun_are_a_misuse(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    assert main(["pretrain", str(images), "--devices", "2"]) == 2
    assert "leave --devices out" in capsys.readouterr().err


def test_all_processes_are_told_what_was_typed(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched = []
    monkeypatch.setattr("twofold.cli._launch.launch", lambda *told: launched.append(told) or 0)
    words = ["--debug", "pretrain", str(images), "--devices", "2"]
    assert main(words) == 0
    assert launched == [([sys.executable, "-m", "twofold", *words], 2)]


def test_not_even_one_device_is_a_misuse(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", str(images), "--devices", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err


def test_two_processes_judge_and_tell_once(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=pixels, labels=np.arange(40) % 2)
    words = ["pixels", "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "out")]
    judging = started("evaluate", *words, "--evaluations", "knn", "--devices", "2")
    out, err = judging.communicate(timeout=240)
    assert judging.returncode == 0, err
    assert out.count("pixels ") == 1 and out.count("scores  ") == 1
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {score["subject"] for score in scores} == {"pixels"}


def test_of_a_process_that_failed_before_all_had_met_the_launcher_tells(monkeypatch):
    def lost(own):
        raise RuntimeError("Connection reset by peer")

    monkeypatch.setattr(dist, "seat", object)
    monkeypatch.setattr(dist, "join", lost)
    with pytest.raises(RuntimeError), dist.joined():
        pass
    monkeypatch.setenv(LAUNCHED, "1")
    with pytest.raises(ToldElsewhere), dist.joined():
        pass
