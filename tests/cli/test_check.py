"""``twofold check`` and ``twofold cache``, as a user sees them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.cli import main
from twofold.data import open_source
from twofold.train.resolve import Request, resolve


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two splits with a leak between them, a broken file, and one of another kind."""
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    draw = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("cat", "dog"):
            folder = tmp_path / "pets" / split / kind
            folder.mkdir(parents=True)
            for n in range(count):
                small = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8))
                small.resize((48, 36), Image.Resampling.BICUBIC).save(folder / f"{n}.png")
    leak = Image.open(tmp_path / "pets/train/cat/0.png")
    leak.save(tmp_path / "pets/val/cat/0.png")
    leak.save(tmp_path / "pets/val/cat/1.jpg", quality=80)
    (tmp_path / "pets/broken.jpg").write_bytes(b"\xff\xd8 cut")
    (tmp_path / "pets/notes [bold].txt").write_text("no image")
    return tmp_path / "pets"


def test_check_tells_what_the_data_is(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(data)]) == 0
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    assert ["train", "12", "12", "2"] in lines
    assert ["val", "7", "7", "2"] in lines
    assert ["cat", "6", "4"] in lines
    assert ["PNG", "RGB", "8", "18"] in lines
    assert ["in", "the", "files", "36", "36", "36", "1", "48", "x", "36", "(19)"] in lines
    assert "1 not an image: notes [bold].txt" in told
    assert "broken.jpg" in told
    assert ["exact", "val", "train", "1"] in lines
    assert ["near", "val", "train", "1"] in lines
    assert "images are in two splits" in told


def test_no_line_is_wrapped_where_another_program_reads_them(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = f"{'long' * 60}.png"
    (data / "val/cat/0.png").rename(data / "val/cat" / long)
    assert main(["check", str(data)]) == 0
    told = capsys.readouterr().out
    assert f"exact: val/cat/{long} = train/cat/0.png" in told
    assert (
        "the number of epochs follows from a short measurement (change it with --minutes or --epochs)" in told
    )


@pytest.mark.parametrize("size", ["0", "-5"])
def test_a_size_below_one_pixel_is_a_misuse(
    size: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(data), "--size", size]) == 2
    assert f"--size {size}: a size is at least 1 pixel" in capsys.readouterr().err


def test_names_that_are_no_utf_8_are_shown_as_far_as_they_are(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (data / "train/cat").rename(data / "train" / odd)
    (data / f"{odd}.txt").write_text("no image")
    assert main(["check", str(data)]) == 0
    told = capsys.readouterr().out
    assert "\ncaf?" in told and "train/caf?/0.png" in told and "caf?.txt" in told


@pytest.mark.parametrize(("accelerator", "length"), [(False, "10 minutes"), (True, "1000 epochs")])
def test_check_ends_with_what_would_be_chosen(
    accelerator: bool,
    length: str,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The method's preset has a say in it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: accelerator)
    assert main(["check", str(data), "--size", "24"]) == 0
    request = Request(size=24)
    chosen = resolve(request, open_source(str(data), progress=False), 12, accelerator=accelerator)
    encoder, told_length, preset = capsys.readouterr().out.splitlines()[-3:]
    assert encoder.startswith(f"encoder {chosen.encoder} at 24x24 pixels (views of {chosen.view_size}x")
    assert told_length.startswith(f"length {length}")
    assert preset.endswith(f"simclr with preset '{chosen.preset}'")
    assert (chosen.minutes is None) == accelerator


def test_check_without_data_is_a_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "nowhere.zip")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_check_tells_why_nothing_can_be_learned(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "train").rename(data / "test")
    assert main(["check", str(data)]) == 0
    assert "nothing can be learned: pets has no images to learn from" in capsys.readouterr().out


def test_data_that_is_refused_leaves_no_store(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data.parent / "texts").mkdir()
    (data.parent / "texts" / "a.txt").write_text("no image")
    assert main(["check", str(data.parent / "texts")]) == 1
    assert main(["cache", "list"]) == 0
    assert "no decoded images" in capsys.readouterr().out


def test_cache_lists_and_prunes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(data)])
    capsys.readouterr()
    assert main(["cache", "list"]) == 0
    assert "pets-" in capsys.readouterr().out
    for words in (["list", "--all"], ["list", "--unused", "3"], ["prune", "--unused", "-1"]):
        assert main(["cache", *words]) == 2
        assert "--unused" in capsys.readouterr().err
    assert main(["cache", "prune"]) == 0
    assert capsys.readouterr().out.startswith("0 B freed")
    assert main(["cache", "prune", "--all"]) == 0
    assert "removed pets-" in capsys.readouterr().out
    assert main(["cache", "list"]) == 0
    assert "no decoded images" in capsys.readouterr().out
    assert main(["cache", "burn"]) == 2
