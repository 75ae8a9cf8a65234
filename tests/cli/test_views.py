"""``twofold views``: it shows what a training would see, and its picture does not become data."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colours import make_images, make_run
from twofold.cli import main
from twofold.core.batch import Batch
from twofold.data import open_source
from twofold.train.prepare import images_for
from twofold.views import sheet
from twofold.views.maker import ViewMaker
from twofold.views.plain import from_json

SHORT = ["--encoder", "resnet18_w4", "--epochs", "1", "--batch-size", "8", "--precision", "fp32"]
FILE = """
method: moco_v2
recipe: {base: C, change: {Blur: {p: 1, sigma: [2, 2]}, Gray: null}}
queue: 16
compile: false
"""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The views that pictures are made of; the pictures themselves are empty."""
    batches: list[Batch] = []

    def draw(_: object, batch: Batch, *__: object) -> Image.Image:
        batches.append(batch)
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr(sheet, "contact_sheet", draw)
    return batches


@pytest.mark.parametrize(
    "words",
    [
        ["--min-scale", "0.6", "--view-size", "20", "--seed", "4", "--temperature", "0.3"],
        ["--size", "24", "--method", "byol", "--preset", "paper", "--threads", "1"],
        ["--method", "pirl"],
        ["--method", "supervised", "--recipe", "multi_crop"],
        ["--config", "FILE"],
        ["--init", "RUN"],
    ],
    ids=" ".join,
)
def test_it_shows_what_a_training_with_the_same_words_sees(
    words: list[str], shown: list[Batch], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"FILE": tmp_path / "run.yaml", "RUN": tmp_path / "run"}
    files["FILE"].write_text(FILE)
    data = make_images(tmp_path / "images", 8)
    if "RUN" in words:  # which has learned from colours
        make_run(files["RUN"])
        data = tmp_path / "gray.npy"
        np.save(data, np.random.default_rng(0).integers(0, 256, (24, 20, 20), np.uint8))
    words = [str(data), *SHORT, *(str(files.get(word, word)) for word in words)]
    assert main(["views", *words, "--images", "3", "--out", str(tmp_path / "views.png")]) == 0
    capsys.readouterr()
    assert main(["pretrain", *words, "--dry-run"]) == 0
    spec = json.loads(capsys.readouterr().out)
    images = images_for(spec["method"]["name"], open_source(**spec["data"]["open"]))
    maker = ViewMaker(
        from_json(spec["recipe"]),
        seed=spec["seed"],
        view_size=spec["view_size"],
        channels=spec["encoder"]["channels"],
    )
    (batch,) = shown
    items = batch.item.numpy()
    for ours, trained in zip(batch.views, maker(images.read(items), items, 0).views, strict=True):
        assert torch.equal(ours.pixels, trained.pixels)


def test_a_recipe_is_shown_alone_where_no_method_is_named(
    shown: list[Batch], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["views", str(make_images(tmp_path / "images", 3)), "--out", str(tmp_path / "views.png")]
    assert main([*words, "--recipe", "JIGSAW"]) == 0
    assert [view.pixels.ndim for view in shown[0].views] == [5]
    assert "name a --method that takes them" in capsys.readouterr().out
    for more in (["--method", "simclr"], ["--min-scale", "0.3"]):
        assert main([*words, "--recipe", "JIGSAW", *more]) == 2
        assert "recipe jigsaw(1000) has 1" in capsys.readouterr().err
    assert main([*words, "--recipe", "JIGSWA"]) == 2
    assert "did you mean 'JIGSAW'?" in capsys.readouterr().err


def test_a_run_has_its_picture_already(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["views", "--resume", "runs/one"]) == 2
    assert "views.png" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--out", "sheets/views.png"]])
def test_a_picture_is_not_written_into_the_data(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    draw = np.random.default_rng(0)
    for number in range(2):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    assert main(["views", ".", *words]) == 2
    error = capsys.readouterr().err
    assert "write it elsewhere with --out" in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png"]
