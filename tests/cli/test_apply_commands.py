"""``twofold fit``, ``predict``, ``embed``, ``list`` and ``doctor``, as they are typed."""

import csv
import dataclasses
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

import twofold
from colours import COLOURS, make_encoder, make_images, make_run
from twofold.apply import fit
from twofold.cli import main
from twofold.core.errors import TwofoldError
from twofold.core.run import Run
from twofold.nn.heads import mlp, scale_norm
from twofold.nn.weights import save_parts


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    make_run(place / "run")
    make_images(place / "images", 10)
    make_images(place / "new", 3, seed=1, by_class=False)
    (place / "new" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return place


@pytest.fixture(scope="module")
def classifier(place: Path) -> Path:
    words = ["fit", str(place / "run"), "--data", str(place / "images")]
    assert main([*words, "--out", str(place / "mine")]) == 0
    return place / "mine"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Runs a command that has to fail with one line on stderr, and returns the line."""

    def run(status: int, *words: object) -> str:
        assert main([str(word) for word in words]) == status
        last = capsys.readouterr().err.strip().splitlines()
        assert last[-1].startswith("twofold: ")
        return last[-1]

    return run


def test_from_a_run_to_predictions(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(place / "run"), "--data", str(place / "images")]) == 0
    told = capsys.readouterr().out
    assert "accuracy" in told
    assert f"twofold predict {place / 'run' / 'classifier'} DIR" in told

    out = place / "predictions.csv"
    assert main(["predict", str(place / "run" / "classifier"), str(place / "new"), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in COLOURS)
    assert "unreadable   1 " in told
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert [row["path"] for row in rows if row["reason"]] == ["broken.jpg"]


def test_names_that_are_no_utf_8_are_written(place: Path, classifier: Path, tmp_path: Path) -> None:
    new = make_images(tmp_path / "new", 1, by_class=False)
    (new / "red-000.png").rename(new / os.fsdecode(b"caf\xe9.png"))
    out = tmp_path / "said.csv"
    assert main(["predict", str(classifier), str(new), "--out", str(out)]) == 0
    assert b"\ncaf\xe9.png,red," in out.read_bytes()
    assert main(["embed", str(place / "run"), str(new), "--out", str(tmp_path / "x.parquet")]) == 0
    assert "caf?.png" in pq.read_table(tmp_path / "x.parquet")["path"].to_pylist()


def test_fit_writes_where_it_is_told(classifier: Path) -> None:
    assert sorted(path.name for path in classifier.iterdir()) == [
        "classifier.json",
        "encoder.safetensors",
        "head.safetensors",
    ]


def test_fit_keeps_the_first_layer_of_the_head(place: Path, tmp_path: Path, refused, monkeypatch) -> None:
    encoder, head = make_encoder(), mlp(32, 12, 4, depth=2, bias=False, last=scale_norm).eval()
    run = make_run(tmp_path / "run", encoder)
    words = ["fit", str(run), "--data", str(place / "images"), "--from-head"]
    assert "no projection head" in refused(2, *words, "1")
    about = {"name": "simclr_v2", "revision": 1, "arguments": {"hidden": 12, "dim": 4}}
    data = {"name": "toy", "fingerprint": "f1", "images": 30, "classes": 3, "open": {}}
    spec = Run(about, encoder.spec, data, {}, 16, {}, 4, 1, 1.0, 0, "fp32")
    (run / "spec.json").write_text(json.dumps(dataclasses.asdict(spec)))
    save_parts({"projector": head}, run / "parts.safetensors")
    assert "it has 3" in refused(2, *words, "3")
    assert "0 or more" in refused(2, *words, "-1")
    assert main([*words, "1"]) == 0

    kept = twofold.load(run / "classifier")
    x = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(kept(x), head[:3](encoder.eval()(x)), rtol=1e-4, atol=1e-5)
    about = json.loads((run / "classifier" / "classifier.json").read_text())
    assert about["origin"] == "run+head1"
    new = str(place / "new")
    assert main(["predict", str(run / "classifier"), new, "--out", str(tmp_path / "said.csv")]) == 0

    lars = ["--optimizer", "lars", "--finetune", "--epochs", "1", "--out", str(tmp_path / "tuned")]
    assert "--from-head 1" in refused(2, *words[:-1], *lars)
    assert "adamw or lars" in refused(2, *words, "1", "--optimizer", "sgd")
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 3)
    assert main([*words, "1", *lars]) == 0
    about = json.loads((tmp_path / "tuned" / "classifier.json").read_text())
    assert about["scores"][0]["protocol"]["optimizer"] == "lars"


def test_fit_tells_what_makes_its_score_no_test(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, method = make_run(tmp_path / "run"), {"name": "supervised", "arguments": {}}
    about = {"name": "images", "fingerprint": "another", "images": 30, "open": {}}
    made = Run(method, make_encoder().spec, about, {}, 16, {}, 4, 1, 1.0, 0, "fp32")
    (run / "spec.json").write_text(json.dumps(dataclasses.asdict(made)))
    assert main(["fit", str(run), "--data", str(place / "images")]) == 0
    (note,) = json.loads((run / "classifier" / "classifier.json").read_text())["record"]["notes"]
    assert note.startswith("run may have learned from the labels of the judged images")
    assert f"note        {note}\n" in capsys.readouterr().out


def test_fit_tells_of_classes_that_nothing_was_judged_on(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "images"
    make_images(data / "train", 8)
    make_images(data / "test", 4)
    shutil.rmtree(data / "test" / "red")
    assert main(["fit", str(place / "run"), "--data", str(data), "--out", str(tmp_path / "mine")]) == 0
    assert "note        test has no image of 'red'\n" in capsys.readouterr().out
    assert (
        main(["fit", str(place / "run"), "--data", str(place / "images"), "--out", str(tmp_path / "x")]) == 0
    )
    assert "note " not in capsys.readouterr().out


def test_fit_refuses_what_it_cannot_do(place: Path, tmp_path: Path, refused) -> None:
    run, images = place / "run", place / "images"
    (tmp_path / "there").mkdir()
    (tmp_path / "labels.csv").write_text("path,label\nred/000.png,red\nred/001.png,red\n")
    assert "--data" in refused(2, "fit", run)
    assert "no labels" in refused(1, "fit", run, "--data", place / "new", "--out", tmp_path / "x")
    assert "needs labels" in refused(2, "fit", run, "--data", images, "--labels", "none")
    assert "linear or mlp" in refused(2, "fit", run, "--data", images, "--head", "tree")
    assert "above 0" in refused(2, "fit", run, "--data", images, "--epochs", "0")
    assert "add --finetune" in refused(2, "fit", run, "--data", images, "--epochs", "3")
    assert "0 or more" in refused(2, "fit", run, "--data", images, "--seed", "-1")
    assert "exists already" in refused(1, "fit", run, "--data", images, "--out", tmp_path / "there")
    assert "no run folder" in refused(2, "fit", tmp_path / "nowhere", "--data", images)
    assert "not a run folder" in refused(1, "fit", tmp_path / "there", "--data", images)
    one_class = ["--labels", tmp_path / "labels.csv", "--out", tmp_path / "x" / "y"]
    assert "one class" in refused(1, "fit", run, "--data", images, *one_class)
    assert not (tmp_path / "x").exists()


def test_a_second_fit_of_the_same_is_refused_before_it_begins(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    words = ["fit", make_run(tmp_path / "run"), "--data", place / "images"]
    told = []

    def while_fitting(*_: object, **__: object) -> None:
        told.append(refused(1, *words))
        raise TwofoldError("the first stops")

    with monkeypatch.context() as patch:
        patch.setattr(fit, "fit_classifier", while_fitting)
        assert "the first stops" in refused(1, *words)
    assert "another fit is at work on it" in told[0]
    assert not (tmp_path / "run" / "classifier").exists()
    assert main([str(word) for word in words]) == 0


def test_checkpoints_of_two_runs_have_a_classifier_each(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        file = make_run(tmp_path / name) / "encoder.safetensors"
        assert main(["fit", str(file), "--data", str(place / "images")]) == 0
        assert (tmp_path / name / "classifier-encoder" / "classifier.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_predict_refuses_what_it_cannot_do(place: Path, classifier: Path, tmp_path: Path, refused) -> None:
    (tmp_path / "empty").mkdir()
    assert "not a classifier" in refused(2, "predict", place / "run", place / "new")
    assert "it is a folder" in refused(2, "predict", classifier, place / "new", "--out", tmp_path)
    out = tmp_path / "p.csv"
    assert "no image" in refused(1, "predict", classifier, tmp_path / "empty", "--out", out)
    assert refused(2, "predict", classifier, tmp_path / "nowhere", "--out", out)
    assert not out.exists()
    (tmp_path / "empty" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    assert "none of the images" in refused(1, "predict", classifier, tmp_path / "empty", "--out", out)
    assert "broken.jpg" in out.read_text()  # with the reason


def test_embed(place: Path, tmp_path: Path, refused) -> None:
    out = tmp_path / "x.parquet"
    assert main(["embed", str(place / "run"), str(place / "images"), "--out", str(out)]) == 0
    assert pq.read_table(out).num_rows == 30
    words = ("embed", place / "run", place / "images", "--out")
    assert ".parquet" in refused(2, *words, tmp_path / "x.csv")


def test_list_prints_names_first_one_a_line(capsys: pytest.CaptureFixture[str], refused) -> None:
    assert main(["list", "methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} >= {"simclr", "moco_v2", "byol", "swav", "pixpro"}
    assert all(len(line.split()) > 1 for line in lines)
    assert main(["list", "data"]) == 0
    assert "cifar10" in {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert main(["list", "evaluations", "kn"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["knn"]
    assert "did you mean 'methods'" in refused(2, "list", "method")


def test_list_encoders_keeps_names_that_match(capsys: pytest.CaptureFixture[str], refused) -> None:
    assert main(["list", "encoders", "resnet18"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names[0] == "resnet18_w{width}"
    assert "resnet18" in names
    assert "resnet50" not in names
    assert refused(2, "list", "encoders", "no_such_thing")


def test_doctor_tells_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for topic in ("processor", "precision", "threads", "memory", "view kernel", "devices", "cache", "python"):
        assert topic in told
    assert twofold.__version__ in told
    assert version("torch") in told
    assert all(len(line) <= 80 for line in told.splitlines())
