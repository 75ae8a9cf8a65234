"""Vectors of a data set in a parquet file."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import twofold
from colours import make_images, make_run
from twofold.apply import embed as module
from twofold.apply.embed import embed, refuse_other_suffix
from twofold.core.errors import TwofoldError, UsageError
from twofold.data import open_source
from twofold.data.screen import Screen
from twofold.evaluations._subjects import resolve
from twofold.train.engine import Engine

ENGINE = Engine(torch.device("cpu"), "fp32", 1)
QUIET = Screen(speaks=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A run; labelled training images, and unlabelled ones."""
    make_run(tmp_path / "run")
    make_images(tmp_path / "data" / "train", 4)
    make_images(tmp_path / "data" / "unlabelled", 2, seed=1, by_class=False)
    return tmp_path


def embedded(place: Path, subject: str) -> Path:
    source = open_source(str(place / "data"), progress=False)
    out = place / "out" / "vectors.parquet"
    embed(resolve(subject, source), source, out, engine=ENGINE, screen=QUIET)
    return out


def test_each_row_is_what_the_loaded_encoder_makes_of_the_file(place: Path) -> None:
    table = pq.read_table(embedded(place, str(place / "run")))
    assert table.column_names == ["path", "split", "label", "vector"]
    encoder = twofold.load(place / "run")
    paths = table["path"].to_pylist()
    with torch.no_grad():
        expected = encoder(encoder.transform([place / "data" / path for path in paths]))
    assert len(paths) == 18
    assert np.allclose(table["vector"].to_pylist(), expected.numpy(), atol=1e-4)


def test_rows_tell_split_and_label_and_the_schema_tells_the_encoder(place: Path) -> None:
    table = pq.read_table(embedded(place, str(place / "run")))
    rows = {row["path"]: row for row in table.select(["path", "split", "label"]).to_pylist()}
    assert rows["train/red/001.png"] == {"path": "train/red/001.png", "split": "train", "label": "red"}
    assert rows["unlabelled/red-001.png"]["split"] == "unlabelled"
    assert rows["unlabelled/red-001.png"]["label"] is None
    about = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert about["twofold.subject"] == "run"
    assert about["twofold.precision"] == "fp32"
    assert json.loads(about["twofold.encoder"])["name"] == "resnet18_w4"
    assert json.loads(about["twofold.data"])["name"] == "data"
    width = twofold.load(place / "run").width
    assert str(table.schema.field("vector").type).startswith("fixed_size_list<")
    assert table.schema.field("vector").type.list_size == width


def test_row_groups_are_written_as_they_come(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pq.read_table(embedded(place, str(place / "run")))
    monkeypatch.setattr(module, "_ROWS", 5)
    out = embedded(place, str(place / "run"))
    assert pq.ParquetFile(out).num_row_groups == 3 + 2
    parts = pq.read_table(out)
    assert parts["path"].equals(whole["path"])
    assert np.allclose(parts["vector"].to_pylist(), whole["vector"].to_pylist(), atol=1e-4)


def test_raw_pixels_are_vectors_too(place: Path) -> None:
    table = pq.read_table(embedded(place, "pixels"))
    assert table.schema.metadata[b"twofold.subject"] == b"pixels"
    assert table.schema.field("vector").type.list_size % 3 == 0


@pytest.mark.parametrize("name", ["vectors.csv", "vectors.npz", "vectors"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.parquet"):
        refuse_other_suffix(Path(name))


def test_nothing_is_left_where_it_cannot_be_written(place: Path) -> None:
    (place / "out").write_text("a file where a folder should be")
    with pytest.raises(TwofoldError, match="cannot write"):
        embedded(place, str(place / "run"))
    assert (place / "out").read_text() == "a file where a folder should be"
