"""What a run is keyed by and resumed with: the images and labels that it learns from, and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from run_cases import SMALL, Silent
from twofold.cli import main
from twofold.core.errors import TwofoldError
from twofold.core.run import RunFolder
from twofold.core.source import Source
from twofold.data import open_source
from twofold.train.checkpoint import digest, load_checkpoint
from twofold.train.engine import Engine
from twofold.train.interrupts import Stopped
from twofold.train.prepare import images_for, learned_from, prepare
from twofold.train.pretrain import resume, start
from twofold.train.resolve import Request

COUNT = 16


def drawn(path: Path, seed: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """Images to learn from, and some that only judge."""
    for row in range(COUNT):
        drawn(tmp_path / f"pile/train/{row:02}.png", row)
    for row in range(4):
        drawn(tmp_path / f"pile/test/{row}.png", 100 + row)
    return tmp_path / "pile"


def table(pile: Path, train: str = "ab", test: str = "ab") -> Path:
    """Labels that take turns."""
    file = pile.parent / "labels.csv"
    lines = [f"train/{row:02}.png,{train[row % len(train)]}\n" for row in range(COUNT)]
    file.write_text("".join([*lines, *(f"test/{row}.png,{test[row % len(test)]}\n" for row in range(4))]))
    return file


def seen(source: Source, method: str = "simclr") -> str:
    return learned_from(images_for(method, source), len(source.classes))


def opened(pile: Path, labels: Path | str = "auto") -> Source:
    return open_source(str(pile), labels=str(labels), progress=False)


def test_labels_that_only_judge_are_nothing_that_is_learned_from(pile: Path) -> None:
    first, second = opened(pile, table(pile)), opened(pile, table(pile, "abb"))
    assert first.fingerprint != second.fingerprint
    assert len({seen(source) for source in (first, second, opened(pile, "none"))}) == 1
    assert seen(first, "supcon") != seen(second, "supcon")


def test_of_labels_those_of_the_images_that_are_learned_from_count_and_how_many_classes(pile: Path) -> None:
    first = seen(opened(pile, table(pile)), "supcon")
    assert seen(opened(pile, table(pile, test="ba")), "supcon") == first
    assert seen(opened(pile, table(pile, "xy", "xy")), "supcon") == first
    assert seen(opened(pile, table(pile, test="abc")), "supcon") != first


def test_so_do_the_images_and_their_order_but_not_their_names_nor_what_judges(pile: Path) -> None:
    first = seen(opened(pile))
    (pile / "train/03.png").rename(pile / "train/03b.png")
    (pile / "test/0.png").unlink()
    assert seen(opened(pile)) == first
    (pile / "train/03b.png").rename(pile / "train/99.png")
    moved = seen(opened(pile))
    drawn(pile / "train/99.png", 200)
    changed = seen(opened(pile))
    drawn(pile / "unlabelled/0.png", 201)
    assert len({first, moved, changed, seen(opened(pile))}) == 4


def test_so_do_the_channels_in_which_they_are_read(tmp_path: Path) -> None:
    """A gray image is read in colour where another of the set has it, be it of another split."""
    for row in range(2):
        drawn(tmp_path / f"pile/train/{row}.png", row, "L")
    drawn(tmp_path / "pile/test/0.png", 9, "L")
    gray = seen(opened(tmp_path / "pile"))
    drawn(tmp_path / "pile/test/0.png", 9)
    assert seen(opened(tmp_path / "pile")) != gray


def test_an_archive_of_the_images_is_the_same(pile: Path) -> None:
    archive = shutil.make_archive(str(pile.parent / "packed"), "zip", pile.parent, pile.name)
    assert seen(opened(Path(archive))) == seen(opened(pile))


ENGINE = Engine.start("fp32", threads=1)


@pytest.fixture
def begun(pile: Path) -> Callable[..., RunFolder]:
    """A run of three steps, stopped after one."""

    def begin(method: str = "simclr", stop_at: int | None = 1) -> RunFolder:
        how = {"data": str(pile), "labels": str(table(pile))}
        asked = Request(method=method, **{**SMALL, "epochs": 1.5})
        made = prepare(asked, open_source(**how, progress=False), how, engine=ENGINE, show=Silent())
        out = pile.parent / f"runs of {stop_at}"
        try:
            return start(made, out, Silent(stop_at))
        except Stopped as stopped:
            folder: RunFolder = stopped.args[0]
            return folder

    return begin


def go_on(folder: RunFolder) -> list[str]:
    show = Silent()
    resume(folder, open_source(**folder.spec["data"]["open"], progress=False), ENGINE, show)
    return show.notes


def test_a_run_goes_on_with_labels_that_changed_and_tells_it(pile: Path, begun) -> None:
    whole, stopped = begun(stop_at=None), begun()
    assert whole.run.key == stopped.run.key
    table(pile, "abb")
    (told,) = go_on(stopped)
    assert "it learns the same, and probes take the labels that are there now" in told
    one, other = (load_checkpoint(folder.path / "last.ckpt") for folder in (whole, stopped))
    assert digest(one) == digest(other)
    with pytest.raises(TwofoldError, match="this very run exists already"):
        begun(stop_at=None)


@pytest.mark.parametrize("text", [None, "other.png,a\n"], ids=["gone", "of others"])
def test_it_goes_on_without_labels_that_cannot_be_had_any_more(
    text: str | None, pile: Path, begun, capsys
) -> None:
    for method, words in (
        ("simclr", "; going on without labels, which only probes would read"),
        ("supcon", "the run learns from labels: it goes on only with those that it began with"),
    ):
        stopped, file = begun(method), pile.parent / "labels.csv"
        file.write_text(text) if text else file.unlink()
        capsys.readouterr()
        done = main(["pretrain", "--resume", str(stopped.path)]) == 0
        told = capsys.readouterr()
        assert done == (method == "simclr")
        assert str(file) in told.err and words in told.err
        assert ("--labels labels.csv" in told.out) == done


def test_a_method_that_learns_from_labels_goes_on_with_the_same_only(pile: Path, begun) -> None:
    stopped = begun("supcon")
    table(pile, "abb")
    with pytest.raises(TwofoldError, match="or labels that it learns from have changed"):
        go_on(stopped)
    table(pile, test="ba")
    assert len(go_on(stopped)) == 1


def test_a_run_of_an_older_version_knows_the_whole_data_only(pile: Path, begun) -> None:
    stopped = begun()
    spec = stopped.spec
    del spec["data"]["learned_from"]
    (stopped.path / "spec.json").write_text(json.dumps(spec))
    table(pile, "abb")
    with pytest.raises(TwofoldError, match="have changed"):
        go_on(stopped)
    table(pile)
    notes = go_on(stopped)
    assert all(note.startswith("settings in spec.json were changed") for note in notes)  # here they were
