"""``twofold evaluate`` from the command line to ``scores.json``."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from twofold.cli import main
from twofold.core.run import Run
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of tiny images, told apart by brightness, in train and test."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 10)):
        for number, name in enumerate(("dark", "light")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for row in range(count):
                pixels = random.integers(0, 90, (8, 8, 3)) + 120 * number
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
    return root


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in all tests; the command would take all cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)


@pytest.fixture
def run(tmp_path, photos):
    encoder = Encoder("resnet18_w4", size=8)
    method = {"name": "simclr", "revision": 1, "arguments": {}}
    data = {
        "name": "photos",
        "fingerprint": "f1",
        "images": 40,
        "open": {"data": str(photos), "labels": "auto"},
    }
    made = Run(method, encoder.spec, data, {}, 8, {}, 4, 1, 1.0, 0, "fp32")
    folder = tmp_path / "a-run"
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(dataclasses.asdict(made)))
    save_encoder(encoder, folder / "encoder.safetensors")
    return folder


def test_a_run_is_judged_on_its_own_data_beside_its_floors(run, capsys):
    assert main(["evaluate", str(run), "--per-class"]) == 0
    said = capsys.readouterr().out
    assert "fitted on train, judged on test" in said
    assert "40 images to fit on, 20 judged" in said
    assert "selected for linear: L2 strength" in said
    assert "±" in said
    scores = json.loads((run / "scores.json").read_text())
    assert {score["subject"] for score in scores} == {"pixels", "random:resnet18_w4", "a-run"}
    assert "recall, a-run" in said
    assert (run / "report.html").is_file()


def test_pixels_alone_need_data_and_leave_nothing_behind(photos, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "pixels", "--data", str(photos), "--evaluations", "knn"]) == 0
    assert "pixels" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["pixels"], 2, "--data DATA"),
        (["nowhere", "--data", "PHOTOS"], 2, "nothing to judge"),
        (["pixels", "--data", "PHOTOS", "--evaluations", "lineal"], 2, "did you mean 'linear'"),
        (["pixels", "--data", "PHOTOS", "--metric", "auc"], 2, "accuracy or macro_f1"),
        (["pixels", "--data", "PHOTOS", "--seed", "-1"], 2, "--seed -1"),
        (["pixels", "--data", "PHOTOS", "--labels", "none"], 1, "no labels"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(words, status, told, photos, capsys):
    assert main(["evaluate", *(str(photos) if word == "PHOTOS" else word for word in words)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err.splitlines()[-1]
