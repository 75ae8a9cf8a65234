"""``twofold distill``, as it is typed."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import twofold
from colours import COLOURS, make_images, make_run
from twofold.cli import main
from twofold.cli._show import LiveShow
from twofold.core.batch import Progress
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import RunFolder
from twofold.nn.class_network import load_class_network
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_parts, save_parts
from twofold.train.checkpoint import digest, load_checkpoint
from twofold.train.teacher import load_teacher, teacher_of

SHORT = ["--epochs", "8", "--batch-size", "12", "--labels", "none", "--threads", "1", "--precision", "fp32"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of colours, labelled images, and a pile of images without labels."""
    place = tmp_path_factory.mktemp("place")
    make_run(place / "run")
    make_images(place / "images", 10)
    make_images(place / "pile", 16, seed=1, by_class=False)
    fit = ["fit", str(place / "run"), "--data", str(place / "images"), "--out", str(place / "teacher")]
    assert main(fit) == 0
    return place


@pytest.fixture(scope="module")
def distilled(place: Path) -> Path:
    words = ["distill", str(place / "pile"), "--teacher", str(place / "teacher"), *SHORT]
    assert main([*words, "--out", str(place / "runs")]) == 0
    (run,) = (place / "runs").iterdir()
    return run


def refused(capsys: pytest.CaptureFixture[str], status: int, *words: object) -> str:
    assert main([str(word) for word in words]) == status
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_the_student_learns_what_the_teacher_says(place: Path, distilled: Path) -> None:
    log = list(RunFolder.open(distilled).log())
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    run = RunFolder.open(distilled).run
    assert run.method["name"] == "distillation"
    assert run.encoder["name"] == "resnet18_w4" and run.encoder["size"] == 16  # the teacher's own
    assert run.parents["teacher"] == str(place / "teacher")
    assert load_parts(distilled / "parts.safetensors")["classifier"]["weight"].shape[0] == len(COLOURS)


def test_the_run_is_one_like_any_other(place: Path, distilled: Path, tmp_path: Path) -> None:
    assert twofold.load(distilled).width == 32
    assert main(["fit", str(distilled), "--data", str(place / "images"), "--out", str(tmp_path / "c")]) == 0
    for subject in (str(distilled), f"{distilled}@classifier"):
        assert main(["embed", subject, str(place / "pile"), "--out", str(tmp_path / "x.parquet")]) == 0
    judge = ["evaluate", str(distilled), "--data", str(place / "images"), "--evaluations", "knn"]
    assert main(judge) == 0


def test_the_student_may_be_another_network(place: Path, tmp_path: Path, capsys) -> None:
    words = ["distill", str(place / "pile"), "--teacher", str(place / "teacher"), *SHORT, "--dry-run"]
    assert main([*words, "--encoder", "resnet18_w8", "--temperature", "0.5"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert spec["encoder"]["name"] == "resnet18_w8"
    assert spec["method"]["arguments"] == {"temperature": 0.5}
    assert spec["command"].startswith("twofold distill")


def test_deep_images_are_read_as_the_teachers_were(tmp_path: Path, capsys) -> None:
    images = np.linspace(0, 4000, 20 * 256).reshape(20, 16, 16).astype(np.uint16)
    np.savez(tmp_path / "labelled.npz", images=images, labels=np.arange(20) % 2)
    np.save(tmp_path / "pile.npy", images[:10])
    run = make_run(tmp_path / "run", Encoder("resnet18_w4", channels=1, size=16, mean=[0.5], std=[0.2]))
    fit = ["fit", str(run), "--data", str(tmp_path / "labelled.npz"), "--out", str(tmp_path / "teacher")]
    assert main(fit) == 0
    capsys.readouterr()
    words = [
        "distill",
        str(tmp_path / "pile.npy"),
        "--teacher",
        str(tmp_path / "teacher"),
        *SHORT,
        "--dry-run",
    ]
    for typed, taken in (([], "0:4000"), (["--range", "0:4095"], "0:4095")):
        assert main([*words, "--batch-size", "4", *typed]) == 0
        assert json.loads(capsys.readouterr().out)["data"]["open"]["value_range"] == taken


def test_the_student_may_start_from_a_run(place: Path, tmp_path: Path, capsys) -> None:
    start = make_run(tmp_path / "start", Encoder("resnet18_w8", size=24))
    words = ["distill", str(place / "pile"), "--teacher", str(place / "teacher"), *SHORT, "--dry-run"]
    assert main([*words, "--init", str(start)]) == 0
    assert json.loads(capsys.readouterr().out)["encoder"]["name"] == "resnet18_w8"


def test_it_resumes_exactly(place: Path, distilled: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    def stop(self: LiveShow, progress: Progress, figures: dict[str, float]) -> None:
        if progress.step == 10:
            os.kill(os.getpid(), signal.SIGINT)

    words = ["distill", str(place / "pile"), "--teacher", str(place / "teacher"), *SHORT]
    with monkeypatch.context() as patch:
        patch.setattr(LiveShow, "step", stop)
        assert main([*words, "--out", str(tmp_path)]) == 130
    (run,) = tmp_path.iterdir()
    assert "--teacher and --resume" in refused(capsys, 2, "distill", *words[2:4], "--resume", run)
    assert main(["distill", "--resume", str(run), "--threads", "1"]) == 0
    states = [digest(load_checkpoint(folder / "last.ckpt")) for folder in (run, distilled)]
    assert states[0] == states[1]


def test_labels_are_learned_where_they_are_asked_for(place: Path, tmp_path: Path, capsys) -> None:
    """Of a pile of which some images have one."""
    pile = Path(shutil.copytree(place / "pile", tmp_path / "pile"))
    names = sorted(path.name for path in pile.rglob("*.png"))
    classes = sorted(COLOURS)
    listed = [f"{name},{classes[row % len(classes)]}" for row, name in enumerate(names[: len(names) // 2])]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["path,label", *listed]))
    words = [
        "distill",
        str(pile),
        "--teacher",
        str(place / "teacher"),
        "--out",
        str(tmp_path / "runs"),
        *SHORT,
    ]
    words[words.index("none")] = str(labels)
    assert main([*words, "--alpha", "0.5"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    spec = RunFolder.open(run).run
    assert spec.method["arguments"]["alpha"] == 0.5
    assert spec.data["images"] == len(names)  # those without a label, too
    assert main([*words, "--alpha", "1"]) == 0  # no label is learned: a run as before there was an alpha
    other = next(folder for folder in (tmp_path / "runs").iterdir() if folder != run)
    assert "alpha" not in RunFolder.open(other).run.method["arguments"]

    words[words.index(str(labels))] = "none"
    assert "no labels to learn from" in refused(capsys, 1, *words, "--alpha", "0.5")
    words[words.index("none")] = str(labels)
    labels.write_text("\n".join(["path,label", *(f"{name},other" for name in names)]))
    assert "the labels name other" in refused(capsys, 2, *words, "--alpha", "0.5")


def test_a_teacher_that_has_changed_is_another_one(place: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(place / "teacher", tmp_path / "teacher"))
    parents = teacher_of(str(folder), channels=3)
    assert load_teacher(parents).classes == tuple(sorted(COLOURS))
    network = load_class_network(folder)
    with torch.no_grad():
        network.head[1].bias.add_(1)
    save_parts({"head": network.head}, folder / "head.safetensors")
    with pytest.raises(TwofoldError, match="has changed"):
        load_teacher(parents)
    with pytest.raises(UsageError, match="3 channels, these have 1"):
        teacher_of(str(folder), channels=1)


def test_what_it_cannot_do_is_one_line(place: Path, distilled: Path, tmp_path: Path, capsys) -> None:
    pile, teacher = place / "pile", place / "teacher"
    assert "--teacher CLASSIFIER" in refused(capsys, 2, "distill", pile)
    assert "--teacher CLASSIFIER" in refused(capsys, 2, "distill", "--teacher", teacher)
    assert "not a classifier" in refused(capsys, 2, "distill", pile, "--teacher", place / "run")
    pretrain = ("pretrain", pile, "--method", "distillation", *SHORT, "--out", tmp_path)
    assert "twofold distill" in refused(capsys, 2, *pretrain)
    assert not any(tmp_path.iterdir())
