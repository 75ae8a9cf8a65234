"""What a user is told of how folders, tables and files were understood."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from twofold.core.source import Source

Fill = Callable[..., Path]
Open = Callable[..., Source]


def test_how_folders_were_understood_is_told(
    tmp_path: Path, fill: Fill, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    pets = fill(tmp_path / "pets", [f"fold{n}/{kind}/{i}.png" for n in "12" for kind in "ab" for i in "123"])
    fill(pets, ["fold2/logo.png"])
    assert opened(pets).classes == ("a", "b")
    told = capsys.readouterr().err
    assert "the folders fold1, fold2 are taken for folds of a cross-validation" in told
    assert (
        "1 of 13 images of train lie beside the folders a, b, as fold2/logo.png: they have no label" in told
    )
    mixed = fill(tmp_path / "mixed", ["a/1.png", "b/2.png", "3.png"])
    assert opened(mixed).classes == ()
    told = capsys.readouterr().err
    assert "1 of 3 images of train lie beside the folders a, b, as 3.png" in told
    assert "--labels folders" in told


def test_files_of_several_pages_are_counted_at_every_start(
    tmp_path: Path, fill: Fill, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fill(tmp_path / "data", ["one.gif", "one.tif", "1.png", "1.jpg"])
    pages = [Image.new("L", (8, 8), shade) for shade in (0, 200)]
    pages[0].save(root / "two.gif", save_all=True, append_images=pages[1:])
    pages[0].save(root / "two.tif", save_all=True, append_images=pages[1:])
    for _ in range(2):
        opened(root)
        assert (
            "2 files have several pages or frames: the first page of each is read" in capsys.readouterr().err
        )
    (root / "two.gif").unlink()
    (root / "two.tif").unlink()
    opened(root)
    assert "pages" not in capsys.readouterr().err


def test_a_table_may_say_the_splits_and_name_images_by_absolute_paths(
    tmp_path: Path, fill: Fill, opened: Open
) -> None:
    root = fill(tmp_path / "data", ["1.png", "2.png", "3.png"])
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label,split\n{root}/1.png,wolf,train\n{root}/2.png,wolf,test\n")
    source = opened(root, labels=str(table))
    assert {split: list(images.paths) for split, images in source.splits.items()} == {
        "train": ["1.png", "3.png"],
        "test": ["2.png"],
    }
    assert source.splits["train"].labels.tolist() == [0, -1]


def test_masks_that_are_left_out_are_counted(
    tmp_path: Path, fill: Fill, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    source = opened(fill(tmp_path / "data", ["images/1.png", "masks/1_mask.png"]))
    assert source.classes == ()
    assert list(source.splits["train"].paths) == ["images/1.png"]
    assert "skipped 1 files: 1 an annotation" in capsys.readouterr().err
