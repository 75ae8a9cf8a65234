"""``twofold compare`` on the command line."""

import re

import numpy as np
import pytest

from twofold.cli import main
from twofold.cli.compare import _comparable
from twofold.core.evaluation import Score


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in all tests; the command would take all cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)


@pytest.fixture
def runs(tmp_path, photos, make_run):
    return [str(make_run(tmp_path / f"run{seed}", photos, seed, steps=1 + seed)) for seed in range(2)]


def test_subjects_stand_side_by_side_and_each_pair_gets_its_words(runs, photos, tmp_path, capsys):
    assert main(["compare", *runs, "pixels", "--evaluations", "knn", "--knn.neighbours", "[3]"]) == 0
    said = capsys.readouterr().out
    rows = re.findall(r"^(\d)  (\S+) +([\d.]+) ± ", said, re.MULTILINE)
    assert [name for _, name, _ in rows] == ["pixels", "run0", "run1"]
    accuracy = {number: float(value) for number, _, value in rows}
    pairs = re.findall(r"^(\d) - (\d) +(\S+) +(\S+) to (\S+) +(\S+)  (\w+) the noise", said, re.MULTILINE)
    assert [pair[:2] for pair in pairs] == [("1", "2"), ("1", "3"), ("2", "3")]
    for one, other, difference, low, high, _, _ in pairs:
        assert float(difference) == pytest.approx(accuracy[one] - accuracy[other], abs=0.11)
        assert float(low) <= float(difference) <= float(high)
    assert "20 judged" in said
    assert "corrected for the 3 pairs shown" in said
    assert "one seed of run0, run1: what is said covers the noise of the judged images alone" in said
    assert not list(tmp_path.rglob("scores.json"))


def test_a_margin_tells_what_is_equivalent(runs, capsys):
    assert main(["compare", runs[0], runs[0] + "/encoder.safetensors", "--margin", "40"]) == 0
    said = capsys.readouterr().out
    assert "equivalent within ± 40 points" in said
    assert "+0.0" in said


def test_seeds_are_one_side(tmp_path, photos, make_run, capsys):
    seeds = [str(make_run(tmp_path / f"run{seed}", photos, seed)) for seed in range(3)]
    assert main(["compare", *seeds, "random:resnet18_w4", "--evaluations", "knn"]) == 0
    said = capsys.readouterr().out
    assert "   run0 " in said
    assert re.search(r"^2  simclr-photos-\w+, mean of 3 seeds .*\(sd ", said, re.MULTILINE)
    assert said.count("1 - 2") == 2
    assert "3 and 3 seeds: the intervals cover other seeds, too; for a p below 5% they are too few" in said
    assert "it is 0.10 at least" in said
    assert "against what has no seeds" not in said
    assert main(["compare", *seeds, "pixels", "--evaluations", "knn"]) == 0
    assert "against what has no seeds, the interval covers other seeds" in capsys.readouterr().out


def test_what_is_compared_may_be_another_figure_of_a_protocol(runs, capsys):
    words = ["compare", *runs, "--evaluations", "retrieval", "--retrieval.ranks", "[5]"]
    assert main([*words, "--metric", "recall@5"]) == 0
    said = capsys.readouterr().out
    assert "Retrieval, recall@5" in said and said.count("1 - 2") == 1
    assert main([*words, "--metric", "recall@1"]) == 2
    assert "recall@5 or map" in capsys.readouterr().err


def test_few_labels_are_compared_on_the_same_draws(photos, capsys):
    words = ["compare", "pixels", "random:resnet18_w4", "--data", str(photos)]
    asked = ["--evaluations", "few_labels", "--few-labels.draws", "2", "--few-labels.shares=[]"]
    assert main([*words, *asked]) == 0
    said = capsys.readouterr().out
    assert "few_labels: on the same 2 draws of labels" in said
    assert said.count("1 - 2") == 2


def test_draws_of_probes_and_of_trained_networks_are_both_told():
    """The network is trained on fewer of them."""
    scores = [
        Score("run", "few_labels", "accuracy", 0.5, 0.5, 0.5, {"arm": arm, "draws": n}, per_image=np.ones(3))
        for arm, n in (("probe", 20), ("finetune", 3))
    ]
    assert _comparable(scores, None)[1] == [
        "few_labels: on the same 20 and 3 draws of labels; others may differ"
    ]


def test_columns_that_are_left_out_are_named():
    """Also where others of the same protocol stay."""

    def figure(subject, to, per_image=None):
        return Score(
            subject, "transfer", "score", 0.5, 0.4, 0.6, {"to": to, "arm": "linear"}, True, per_image
        )

    scores = [one for name in "ab" for one in (figure(name, "cats", np.ones(4)), figure(name, "pets"))]
    told, notes = _comparable(scores, None)
    assert {score.protocol["to"] for score in told} == {"cats"}
    assert notes == ["Transfer, to pets: not compared, for want of a figure of each image"]


def test_who_chooses_is_kept_from_the_test_images(photos, capsys):
    words = ["compare", "pixels", "random:resnet18_w4", "--data", str(photos), "--evaluations", "knn"]
    looked = "these are images of test: to choose by, take --judge-on val"
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "judged on test" in said
    assert looked in said
    assert main([*words, "--judge-on", "val"]) == 0
    said = capsys.readouterr().out
    assert "judged on the held-out fifth" in said
    assert "32 images to fit on, 8 judged" in said
    assert looked not in said


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["pixels"], 2, "name two subjects at least"),
        (["pixels", "pixels"], 2, "name two subjects at least"),
        (["pixels", "random:resnet18_w4", "--margin", "0"], 2, "--margin 0"),
        (
            ["pixels", "random:resnet18_w4", "--evaluations", "clusters"],
            1,
            "Clusters, NMI; Clusters, ARI; Clusters, purity: not compared",
        ),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(words, status, told, photos, capsys):
    assert main(["compare", *words, "--data", str(photos)]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err.splitlines()[-1]
