"""``twofold evaluate`` from the command line to ``scores.json``."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from twofold import evaluations
from twofold.cli import main
from twofold.cli.evaluate import footer
from twofold.core import registry
from twofold.core.evaluation import Score


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in all tests; the command would take all cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)


POSTCARD = """
from dataclasses import dataclass
from typing import ClassVar
from twofold.core.evaluation import Artefact, Score

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)

@dataclass(frozen=True)
class Postcard:
    \'\'\'A picture and a length of every subject.

    Args:
        scale: Of the length.
        fails_on: Subject at which the user loses patience.
    \'\'\'

    shown: ClassVar[tuple[str, ...]] = ("length",)
    needs_labels: ClassVar[bool] = False
    scale: float = 1.0
    fails_on: str = ""

    def __call__(self, embedded):
        if embedded.subject == self.fails_on:
            raise KeyboardInterrupt
        length = self.scale * embedded.judge.norm(dim=1).mean().item()
        protocol = {"scale": self.scale, **embedded.protocol}
        yield Score(embedded.subject, "postcard", "length", length, length, length, protocol, share=False)
        yield Artefact(embedded.subject, "postcard", "card.png", PNG, "A dot.")
        yield Artefact(embedded.subject, "postcard", "card.csv", b"side,length\\nleft,3\\n", "Sides.")
"""


@pytest.fixture
def postcard(tmp_path_factory):
    """A protocol that needs no labels, measures no share, and yields a picture and a table."""
    folder = tmp_path_factory.mktemp("protocols")
    (folder / "postcard.py").write_text(POSTCARD)
    evaluations.__path__.append(str(folder))
    registry._files.cache_clear()
    yield "postcard"
    evaluations.__path__.pop()
    sys.modules.pop("twofold.evaluations.postcard", None)
    registry._files.cache_clear()


@pytest.fixture
def run(tmp_path, photos, make_run):
    return make_run(tmp_path / "a-run", photos)


@pytest.fixture
def unlabelled(tmp_path):
    folder = tmp_path / "unlabelled"
    folder.mkdir()
    random = np.random.default_rng(1)
    for row in range(15):
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{row}.png")
    return folder


def scores_in(folder):
    return json.loads((folder / "scores.json").read_text())


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


def test_val_can_be_judged_on_while_test_is_left_alone(photos, tmp_path, capsys):
    shutil.copytree(photos, tmp_path / "photos")
    shutil.copytree(photos / "test" / "dark", tmp_path / "photos" / "val" / "dark")
    shutil.copytree(photos / "train" / "light", tmp_path / "photos" / "val" / "light")
    words = ["evaluate", "pixels", "--data", str(tmp_path / "photos"), "--evaluations", "knn"]
    assert main([*words, "--judge-on", "val"]) == 0
    said = capsys.readouterr().out
    assert "fitted on train, judged on val; 40 images to fit on, 30 judged" in said
    assert main(words) == 0
    assert "fitted on train, judged on test; 40 images to fit on, 20 judged" in capsys.readouterr().out


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
        (["pixels", "--data", "PHOTOS", "--judge-on", "vall"], 2, "--judge-on vall: it has to be"),
        (["pixels", "--data", "PHOTOS", "--out", __file__], 2, "it is a file; name a folder"),
        (["pixels", "--data", "PHOTOS", "--labels", "none"], 1, "no labels"),
        (["pixels", "--data", "PHOTOS", "--knn.neighbours", "[3,0]"], 2, "knn: neighbours 0"),
        (
            ["pixels", "--data", "PHOTOS", "--evaluations", "few_labels", "--few-labels.draws", "0"],
            2,
            "few_labels: draws 0",
        ),
        (
            ["pixels", "--data", "PHOTOS", "--evaluations", "clusters", "--clusters.repeats", "0"],
            2,
            "clusters: repeats 0",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(words, status, told, photos, capsys):
    assert main(["evaluate", *(str(photos) if word == "PHOTOS" else word for word in words)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err.splitlines()[-1]


def test_the_options_of_each_protocol_are_flags(photos, tmp_path):
    words = ["evaluate", "pixels", "--data", str(photos), "--out", str(tmp_path / "kept")]
    asked = ["--evaluations", "knn,few-labels", "--knn.neighbours", "[7,3]", "--few-labels.draws", "2"]
    assert main([*words, *asked, "--few-labels.per-class=[1]", "--few-labels.shares=[]"]) == 0
    protocols = [s["protocol"] for s in scores_in(tmp_path / "kept") if s["metric"] == "accuracy"]
    assert [protocol["k"] for protocol in protocols[:2]] == [7, 3]
    assert {protocol["draws"] for protocol in protocols[2:]} == {2}


def test_they_may_stand_in_a_file(photos, tmp_path):
    (tmp_path / "how.yaml").write_text("evaluations: knn\nknn: {neighbours: [9], temperature: 0.1}\n")
    words = ["--config", str(tmp_path / "how.yaml"), "--out", str(tmp_path / "kept")]
    assert main(["evaluate", "pixels", "--data", str(photos), *words]) == 0
    found = {(s["protocol"]["k"], s["protocol"]["temperature"]) for s in scores_in(tmp_path / "kept")}
    assert found == {(9, 0.1)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--knn.neighbors", "[3]"], "did you mean 'neighbours'? (it has: neighbours, temperature)"),
        (["--knn.neighbours", "3"], '--knn.neighbours 3: it has to be a list, as "[3]"'),
        (["--knn.temperature", "warm"], "it has to be a number"),
        (["--few-labels.draws", "2"], "few_labels is not asked for; say --evaluations knn,linear,few_labels"),
        (["--evaluations", "knn,lineal"], "did you mean 'linear'?"),
        (["--config", "FILE"], "did you mean 'temperature'?"),
    ],
)
def test_a_wrong_option_names_the_right_one(words, told, photos, tmp_path, capsys):
    file = tmp_path / "how.yaml"
    file.write_text("knn: {temprature: 0.1}\n")
    words = [str(file) if word == "FILE" else word for word in words]
    assert main(["evaluate", "pixels", "--data", str(photos), *words]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1


def test_help_shows_the_options_of_the_protocols_that_are_named(capsys):
    assert main(["evaluate", "--evaluations", "few_labels", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--few-labels.per-class" in said
    assert "Numbers of labels of each class" in said
    assert "--knn." not in said
    assert "--few-labels CONFIG" not in said


def test_the_table_shows_what_each_protocol_declares_and_numbers_that_are_no_shares(run, postcard, capsys):
    words = ["--evaluations", "knn,postcard", "--knn.neighbours", "[3]", "--postcard.scale", "1000"]
    assert main(["evaluate", str(run), *words]) == 0
    said = capsys.readouterr().out
    head, pixels = said.splitlines()[:2]
    assert head.split()[-3:] == ["k-NN", "Postcard,", "length"]
    length = next(s["value"] for s in scores_in(run) if s["metric"] == "length")
    assert pixels.endswith(f"  {length:,.0f}")
    assert "±" in pixels
    assert main(["evaluate", str(run), *words, "--metric", "macro_f1"]) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert "k-NN, macro-F1" in head
    assert "Postcard, length" in head


def test_a_table_shows_any_figure_that_a_protocol_measures(run, capsys):
    words = ["evaluate", str(run), "--evaluations", "retrieval,invariance", "--retrieval.ranks", "[1,2]"]
    for metric, column in (("recall@2", "Retrieval, recall@2"), ("hue/0.1", "Invariance, hue/0.1")):
        assert main([*words, "--metric", metric]) == 0
        assert column in capsys.readouterr().out.splitlines()[0]
    assert main([*words, "--metric", "recall@5"]) == 2
    assert "recall@1 or recall@2 or map or r_precision" in capsys.readouterr().err


def test_what_was_selected_for_is_marked_and_told(run, capsys):
    assert main(["evaluate", str(run)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split("  ")[-1] == "Linear probe*"
    assert "k-NN, k=1*" not in said
    assert "* selected for linear: L2 strength, on a held-out fifth of the fitted images" in said


def test_how_many_random_networks_stand_behind_a_figure_is_told():
    def figure(evaluation, networks, **protocol):
        about = {"data": "toy", "split": "s", "fit_images": 9, "judge_images": 9, "networks": networks}
        return Score("random:net", evaluation, "accuracy", 0.5, 0.4, 0.6, {**about, **protocol})

    three = [figure("knn", 3), figure("few_labels", 3, arm="probe")]
    assert footer(three, [])[-1] == "random:net: mean of 3 random networks"
    tuned = [figure("finetune", 1), figure("few_labels", 1, arm="finetune")]
    told = "random:net: mean of 3 random networks; Fine-tuned, Few labels (finetune): of the first alone"
    assert footer([*three, *tuned], [])[-1] == told
    assert footer(tuned, [])[-1] == "random:net: of the first random network alone"


def test_pictures_and_tables_are_kept_told_and_shown_in_the_report(run, postcard, capsys):
    assert main(["evaluate", str(run), "--evaluations", postcard]) == 0
    assert f"shown   {run / 'artefacts'}" in capsys.readouterr().out
    kept = sorted(str(path.relative_to(run)) for path in (run / "artefacts").rglob("*.*"))
    assert kept == [
        f"artefacts/{folder}postcard-card.{kind}"
        for folder in ("pixels/", "", "random_resnet18_w4/")
        for kind in ("csv", "png")
    ]
    page = (run / "report.html").read_text()
    assert page.count('alt="A dot."') == 3
    assert "<td>left</td><td>3</td>" in page


def test_what_is_no_run_keeps_them_in_the_folder_that_is_named(unlabelled, postcard, tmp_path, capsys):
    words = ["evaluate", "pixels", "--data", str(unlabelled), "--evaluations", postcard]
    assert main(words) == 0
    assert "of pixels were not kept: name a folder, --out FOLDER" in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "kept")]) == 0
    assert (tmp_path / "kept/artefacts/pixels/postcard-card.png").is_file()
    assert [score["subject"] for score in scores_in(tmp_path / "kept")] == ["pixels"]


def test_protocols_that_need_no_labels_judge_unlabelled_images_and_are_named_to_those_who_have_none(
    unlabelled, postcard, capsys
):
    words = ["evaluate", "pixels", "--data", str(unlabelled)]
    assert main([*words, "--evaluations", postcard]) == 0
    assert "the images have no labels" in capsys.readouterr().out
    assert main([*words, "--evaluations", f"knn,{postcard}"]) == 1
    said = capsys.readouterr().err
    assert "no labels" in said
    assert "without labels can be asked for: --evaluations postcard" in said


def test_stopped_in_the_middle_the_scores_of_who_is_done_with_are_kept(run, postcard, capsys):
    words = ["--evaluations", postcard, "--postcard.fails-on", "a-run"]
    assert main(["evaluate", str(run), *words]) == 130
    assert [score["subject"] for score in scores_in(run)] == ["pixels", "random:resnet18_w4"]
    assert "stopped" in capsys.readouterr().err


def test_runs_whose_data_was_read_otherwise_are_judged_together(tmp_path, photos, make_run, capsys):
    runs = [make_run(tmp_path / f"run{n}", photos) for n in range(3)]
    for run, opened in zip(runs, ({"store_size": 4}, {"store_size": 6}, {"labels": "none"}), strict=True):
        spec = json.loads((run / "spec.json").read_text())
        spec["data"]["open"].update(opened)
        (run / "spec.json").write_text(json.dumps(spec))
    words = ["--evaluations", "knn", "--knn.neighbours", "[3]"]
    assert main(["evaluate", *map(str, runs[:2]), *words]) == 0
    told = capsys.readouterr().out
    assert "run0, run1: shown enlarged, the images are decoded at 6 pixels (larger: --store-size 8)" in told
    assert main(["evaluate", *map(str, runs[1:]), *words]) == 2
    assert "different --labels" in capsys.readouterr().err
    assert main(["evaluate", *map(str, runs[1:]), *words, "--labels", "auto"]) == 0
    assert "enlarged" not in capsys.readouterr().out
