"""A run that is killed, wherever that hits it, ends with the bits of one that was left alone."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import starved
from forked import in_child
from twofold.core.run import RunFolder
from twofold.nn.weights import load_encoder
from twofold.train.checkpoint import digest, load_checkpoint

TIMINGS = {"seconds", "images_per_second", "data_wait"}

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    for row in range(40):
        place = root / ("dark" if row % 2 else "light")
        place.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place / f"{row:02}.png")
    return root


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    ended = in_child(starved.begin, images, out)
    assert ended.status == 0, ended.printed
    return result(the_run(out))


def the_run(out: Path) -> Path:
    (run,) = out.iterdir()
    return run


def result(run: Path) -> dict[str, object]:
    """All that must be equal: the whole state, the encoder, and the log but for its timings."""
    state = load_checkpoint(run / "last.ckpt")
    log = [
        {name: value for name, value in line.items() if name not in TIMINGS} for line in RunFolder(run).log()
    ]
    assert state["step"] == len(log) == starved.STEPS
    encoder = load_encoder(run / "encoder.safetensors").state_dict()
    return {"state": digest(state), "encoder": digest(dict(encoder)), "log": json.dumps(log)}


@pytest.mark.parametrize("moment", ["step", "checkpoint", "renames", "log"])
def test_a_killed_run_ends_as_if_nothing_had_happened(moment, images, undisturbed, tmp_path):
    minutes = 5.0 if moment == "step" else 0.0
    ended = in_child(starved.begin, images, tmp_path, moment, minutes)
    assert ended.status == -signal.SIGKILL, ended.printed
    run = the_run(tmp_path)
    assert not (run / "encoder.safetensors").exists()
    assert (run / "last.ckpt").exists() == (moment != "renames")
    ended = in_child(starved.go_on, run)
    assert ended.status == 0, ended.printed
    assert ("last.ckpt is missing: going on" in ended.printed) == (moment == "renames")
    assert result(run) == undisturbed
    assert not list(run.glob(".*.part"))


def test_a_killed_pack_costs_nothing_but_time(images, undisturbed, tmp_path):
    out = tmp_path / "runs"
    ended = in_child(starved.begin_in, tmp_path / "cache", images, out, "pack")
    assert ended.status == -signal.SIGKILL, ended.printed
    assert list((tmp_path / "cache").rglob(".*.part"))
    assert not out.exists()
    ended = in_child(starved.begin_in, tmp_path / "cache", images, out, "")
    assert ended.status == 0, ended.printed
    assert result(the_run(out)) == undisturbed


def test_a_run_that_is_killed_twice_and_before_its_first_checkpoint(images, undisturbed, tmp_path):
    in_child(starved.begin, images, tmp_path, "step")
    run = the_run(tmp_path)
    for file in ("last.ckpt", "views.png", "log.jsonl"):
        (run / file).unlink(missing_ok=True)
    ended = in_child(starved.go_on, run, "checkpoint", 0.0)
    assert ended.status == -signal.SIGKILL, ended.printed
    assert in_child(starved.go_on, run).status == 0
    assert result(run) == undisturbed
    assert (run / "views.png").exists()


def test_a_run_that_is_killed_between_its_last_checkpoint_and_its_encoder(images, undisturbed, tmp_path):
    in_child(starved.begin, images, tmp_path)
    run = the_run(tmp_path)
    (run / "encoder.safetensors").unlink()
    assert in_child(starved.go_on, run).status == 0
    assert result(run) == undisturbed
    ended = in_child(starved.go_on, run)
    assert ended.status != 0
    assert "is finished" in ended.printed
