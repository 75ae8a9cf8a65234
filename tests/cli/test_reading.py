"""Images of more than 8 bits: the range that a run was trained with goes with it."""

import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import twofold
from colours import make_run
from run_cases import begin
from twofold.cli import main
from twofold.cli._reading import as_typed_or_trained
from twofold.core.run import RunFolder

UNTYPED = Namespace(store_size=None, range=None)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Of 12 bits, from 0 to 4000."""
    draw, root = np.random.default_rng(0), tmp_path / "scans"
    root.mkdir()
    for number in range(10):
        values = draw.integers(100, 900, (16, 16), dtype=np.uint16)
        values[0, :2] = (0, 4000) if number == 9 else (100, 900)
        Image.fromarray(values).save(root / f"{number}.png")
    return root


def test_a_file_has_the_same_vector_in_any_folder(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin(scans, tmp_path / "runs")
    assert RunFolder(run).spec["data"]["open"]["value_range"] == "0:4000"
    (tmp_path / "other").mkdir()
    shutil.copy(scans / "1.png", tmp_path / "other")
    capsys.readouterr()
    rows = [
        row
        for subject in (run, run / "last.ckpt")
        for folder in (scans, tmp_path / "other")
        for row in embedded(subject, folder, tmp_path / "x.parquet")
        if row["path"] == "1.png"
    ]
    told = capsys.readouterr().err
    assert told.count("their own values go from 100 to 900 (--range 100:900)") == 1
    assert told.count("decoding") == 1, "the run's own images are decoded already"
    vectors = np.array([row["vector"] for row in rows])
    assert len(vectors) == 4
    assert np.allclose(vectors, vectors[0], atol=1e-2 * abs(vectors).max())
    encoder = twofold.load(run)
    own = encoder(encoder.transform([scans / "1.png"])).numpy()
    assert np.allclose(own, vectors[0], atol=2e-2 * abs(own).max())


def embedded(subject: Path, data: Path, out: Path) -> list[dict[str, object]]:
    assert main(["embed", str(subject), str(data), "--out", str(out)]) == 0
    return pq.read_table(out).to_pylist()


def test_what_is_typed_wins_over_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", value_range="0:4000")
    places = [run, run / "encoder.safetensors", f"{run}@projector"]
    assert [as_typed_or_trained(UNTYPED, [str(p)])["value_range"] for p in places] == ["0:4000"] * 3
    typed = Namespace(store_size=None, range="0:9")
    assert as_typed_or_trained(typed, [str(run)])["value_range"] == "0:9"


def test_runs_of_other_ranges_leave_the_data_its_own_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranges = {"one": {"value_range": "0:4000"}, "two": {"value_range": "0:255"}, "old": {}}
    runs = {name: str(make_run(tmp_path / name, **opened)) for name, opened in ranges.items()}
    assert as_typed_or_trained(UNTYPED, [runs["old"], runs["one"]])["value_range"] == "0:4000"
    assert capsys.readouterr().err == ""
    assert as_typed_or_trained(UNTYPED, runs.values())["value_range"] is None
    assert "(0:255, 0:4000)" in capsys.readouterr().err
