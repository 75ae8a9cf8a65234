"""A machine that fails a training: one clear line, a readable run folder, and a way to go on."""

import json
import os
import shlex
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import starved
from forked import Ended, in_child
from twofold.core.lock import locked
from twofold.core.run import RunFolder
from twofold.train.checkpoint import digest, load_checkpoint


@pytest.fixture
def images(tmp_path) -> Path:
    root = tmp_path / "images"
    root.mkdir()
    draw = np.random.default_rng(0)
    for row in range(40):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(root / f"{row:02}.png")
    return root


def train(images: Path, out: Path, happens: str, *others: str) -> Ended:
    words = ["pretrain", str(images), *starved.WORDS, "--threads", "1", "--out", str(out)]
    return in_child(starved.typed, [*words, "--checkpoint-minutes", "0", *others], happens, out)


def one_line(ended: Ended) -> str:
    """What the command said about its failure."""
    assert ended.status == 1, ended.printed
    (told,) = (line for line in ended.printed.splitlines() if line.startswith("twofold: "))
    assert "Traceback" not in ended.printed
    assert "--debug" not in told
    return told


def the_run(out: Path) -> Path:
    (run,) = out.iterdir()
    return run


def assert_goes_on(told: str, run: Path) -> None:
    """By the command that the line names, to the end."""
    command = shlex.split(told.partition("go on with: ")[2])
    assert command == ["twofold", "pretrain", "--resume", str(run)]
    assert in_child(starved.go_on, run).status == 0
    assert load_checkpoint(run / "last.ckpt")["step"] == starved.STEPS
    assert [line["step"] for line in RunFolder(run).log()] == [*range(1, starved.STEPS + 1)]


def test_a_full_disk_keeps_the_last_whole_checkpoint(images, tmp_path):
    told = one_line(train(images, tmp_path / "runs", "disk full"))
    run = the_run(tmp_path / "runs")
    assert f"no room left on the disk to write {run / 'last.ckpt'}" in told
    assert not list(run.glob(".*.part"))
    assert load_checkpoint(run / "last.ckpt")["step"] == 6
    assert_goes_on(told, run)


def test_a_folder_that_becomes_read_only(images):
    place_for_all = None if os.getuid() else "/tmp"  # root becomes another user, who has to get there
    with tempfile.TemporaryDirectory(dir=place_for_all) as place:
        Path(place).chmod(0o755)
        out = Path(place) / "runs"
        told = one_line(train(images, out, "read-only"))
        run = the_run(out)
        assert str(run) in told
        assert "may not be written" in told
        run.chmod(0o755)
        assert_goes_on(told, run)


def test_a_folder_that_is_removed_is_not_made_anew(images, tmp_path):
    told = one_line(train(images, tmp_path / "runs", "folder removed"))
    assert "is gone" in told
    assert "--resume" not in told
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("what", ["images", "store"])
def test_images_and_store_may_go_once_they_are_mapped(what, images, tmp_path):
    ended = in_child(starved.begin_in, tmp_path / "cache", images, tmp_path / "runs", f"{what} removed")
    assert ended.status == 0, ended.printed
    assert images.exists() == (what == "store")
    assert bool(list((tmp_path / "cache").rglob("*.seg"))) == (what == "images")
    assert load_checkpoint(the_run(tmp_path / "runs") / "last.ckpt")["step"] == starved.STEPS


def test_a_store_that_is_cut_off_is_told_and_written_anew(images, tmp_path):
    told = one_line(train(images, tmp_path / "runs", "store cut off"))
    assert ".seg was cut off meanwhile" in told
    run = the_run(tmp_path / "runs")
    assert_goes_on(told, run)


def test_too_little_memory_is_told_with_what_to_make_smaller(images, tmp_path):
    out = tmp_path / "runs"
    words = ["pretrain", str(images), "--encoder", "resnet50", "--batch-size", "40", "--epochs", "1"]
    words += ["--size", "64", "--view-size", "64", "--threads", "1", "--precision", "fp32", "--out", str(out)]
    told = one_line(in_child(starved.typed, words, "out of memory", out))
    assert "out of memory: give a smaller --batch-size" in told
    assert not out.exists() or not list(out.iterdir())


def test_a_loss_that_is_no_number_keeps_the_state_before_it(images, tmp_path):
    """And the way on that is told is one: the same run would meet the same loss, another one does not."""
    told = one_line(train(images, tmp_path / "runs", "nan", "--checkpoint-minutes", "5"))
    run = the_run(tmp_path / "runs")
    assert "nan at step 7" in told
    assert "the embeddings are not" in told
    kept = load_checkpoint(run / "last.ckpt")
    assert kept["step"] == 7
    assert json.dumps([line["step"] for line in RunFolder(run).log()]) == "[1, 2, 3, 4, 5, 6, 7]"
    way_on = told.partition("by: twofold ")[2].replace("DATA", str(images)).replace("LOWER", "0.001")
    words = shlex.split(way_on)
    ended = in_child(starved.typed, [*words, *starved.WORDS, "--dry-run"])
    assert ended.status == 0, ended.printed
    spec = json.loads(ended.printed[ended.printed.index("{") :])  # notes come before it
    assert spec["parents"] == {"init": str((run / "last.ckpt").resolve()), "init_step": 7}


def test_the_state_before_a_bad_step_is_exactly_that(images, tmp_path):
    """Batch norms move in the forward pass: they are set back."""
    train(images, tmp_path / "bad", "nan", "--checkpoint-minutes", "5")
    bad = load_checkpoint(the_run(tmp_path / "bad") / "last.ckpt")
    train(images, tmp_path / "good", "after step 7")
    good = load_checkpoint(the_run(tmp_path / "good") / "last.ckpt")
    assert good["step"] == bad["step"] == 7
    assert digest(good) == digest(bad)


def test_a_second_process_is_refused(images, tmp_path):
    """By name of the folder, while the first still trains."""
    train(images, tmp_path / "runs", "step")
    run = the_run(tmp_path / "runs")
    with locked(run, print):
        told = one_line(in_child(starved.typed, ["pretrain", "--resume", str(run), "--threads", "1"]))
    assert f"another process is training in {run}" in told
    assert in_child(starved.go_on, run).status == 0
