"""``twofold runs``, ``list``, ``cache`` and ``views`` where what they are given is not as it should be."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twofold.cli import main


@pytest.mark.parametrize(
    "spec",
    [
        "{",
        "[]",
        '{"steps": 1}',
        '{"method": {"name": "a"}, "data": {"name": "b"}, "epochs": "x", "steps": 0}',
    ],
)
def test_a_damaged_run_does_not_hide_the_others(spec: str, tmp_path: Path, capsys) -> None:
    whole = {"method": {"name": "byol"}, "data": {"name": "cats"}, "epochs": 2.0, "steps": 9}
    for name, text in (("good", json.dumps(whole)), ("bad", spec)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").write_text(text)
    assert main(["runs", str(tmp_path)]) == 0
    bad, good = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert bad[0] == "bad"
    assert "damaged" in bad
    assert good[:5] == ["good", "byol", "cats", "2", "0%"]


def test_a_run_that_is_not_bit_exact_says_so(tmp_path: Path, capsys) -> None:
    spec = {"method": {"name": "byol"}, "data": {"name": "cats"}, "epochs": 2.0, "steps": 9}
    marks = [{"step": 3, "because": ["processes was 1 and is now 2"]}]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.json").write_text(json.dumps({**spec, "inexact": marks}))
    assert main(["runs", str(tmp_path)]) == 0
    assert "0%, inexact" in capsys.readouterr().out


def test_the_score_is_of_the_images_judged_last_and_of_most_neighbours(tmp_path: Path, capsys) -> None:
    def measured(evaluation: str, value: float, data: str, **how: int) -> dict[str, object]:
        figures = {"value": value, "low": value, "high": value, "protocol": {"data": data, **how}}
        return {"subject": "run", "evaluation": evaluation, "metric": "accuracy", **figures}

    scores = [measured("knn", 0.1, "old", k=200), measured("linear", 0.2, "old")]
    scores += [measured("knn", 0.3, "new", k=1), measured("knn", 0.4, "new", k=200)]
    spec = {"method": {"name": "byol"}, "data": {"name": "cats"}, "epochs": 2.0, "steps": 9}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.json").write_text(json.dumps(spec))
    (tmp_path / "run" / "scores.json").write_text(json.dumps(scores))
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-2:] == ["40.0", "-"]


def test_the_run_is_told_by_its_own_data_where_it_was_judged_on_them_and_else_the_data_are_named(
    tmp_path: Path, capsys
) -> None:
    def measured(value: float, data: str) -> dict[str, object]:
        figures = {"value": value, "low": value, "high": value}
        protocol = {"data": data, "fingerprint": f"of {data}", "k": 200}
        return {"subject": "run", "evaluation": "knn", "metric": "accuracy", "protocol": protocol, **figures}

    data = {"name": "cats", "fingerprint": "of cats"}
    spec = {"method": {"name": "byol"}, "data": data, "epochs": 2.0, "steps": 9}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.json").write_text(json.dumps(spec))
    for scores, told in (
        ([measured(0.9, "cats"), measured(0.3, "birds")], ["90.0", "-"]),
        ([measured(0.3, "birds")], ["30.0", "on", "birds", "-"]),
    ):
        (tmp_path / "run" / "scores.json").write_text(json.dumps(scores))
        assert main(["runs", str(tmp_path)]) == 0
        assert capsys.readouterr().out.splitlines()[-1].split()[5:] == told


@pytest.mark.parametrize("words", [["evaluate", "RUN"], ["pretrain", "--resume", "RUN"]])
def test_a_damaged_spec_is_told_in_one_line(words: list[str], tmp_path: Path, capsys) -> None:
    (tmp_path / "spec.json").write_text("{")
    assert main([str(tmp_path) if word == "RUN" else word for word in words]) == 1
    error = capsys.readouterr().err
    assert "spec.json is damaged" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("command", "choice"), [("list", "methods"), ("cache", "prune")])
def test_a_command_without_its_word_names_the_choices(command: str, choice: str, capsys) -> None:
    assert main([command]) == 2
    assert choice in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--out", "views.xyz"], ["--images", "0"]])
def test_a_picture_that_cannot_be_drawn_is_a_misuse(words: list[str], tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "some.npy", np.zeros((4, 16, 16, 3), np.uint8))
    assert main(["views", str(tmp_path / "some.npy"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_views_are_a_picture_in_a_folder_that_is_made(tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "some.npy", np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8))
    out = tmp_path / "new" / "sheet.png"
    assert main(["views", str(tmp_path / "some.npy"), "--out", str(out)]) == 0
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]
