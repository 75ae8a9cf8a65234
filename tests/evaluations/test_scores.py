import json

import pytest

import judge_cases
from processes import in_processes
from twofold.core.errors import TwofoldError
from twofold.core.evaluation import Score
from twofold.core.lock import locked
from twofold.core.run import RunFolder
from twofold.evaluations import _scores
from twofold.evaluations._scores import averaged, record


def score(value=0.5, metric="accuracy", subject="a run", half=0.1, **protocol):
    return Score(subject, "knn", metric, value, value - half, value + half, protocol)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_a_score_that_was_measured_before_is_replaced_and_comes_last(folder):
    record(folder, [score(0.5, k=1), score(0.6, k=200)])
    record(folder, [score(0.7, k=1), score(0.4, metric="macro_f1", k=1)])
    found = [(s["metric"], s["protocol"]["k"], s["value"]) for s in folder.scores()]
    assert found == [("accuracy", 200, 0.6), ("accuracy", 1, 0.7), ("macro_f1", 1, 0.4)]


def test_what_came_out_on_the_way_does_not_make_it_another_score(folder):
    record(folder, [score(0.5, seed=0, found={"strength": 0.1})])
    record(folder, [score(0.6, seed=0, found={"strength": 0.01})])
    record(folder, [score(0.6, seed=1, found={"strength": 0.01})])
    assert [s["protocol"]["seed"] for s in folder.scores()] == [0, 1]


def test_the_file_is_what_the_report_reads(folder):
    path = record(folder, [score(k=1)])
    assert path.name == "scores.json"
    assert [Score(**entry) for entry in json.loads(path.read_text())] == [score(k=1)]


def test_two_processes_that_judge_one_run_lose_nothing(folder):
    in_processes(2, judge_cases.kept, folder.path, 15)
    assert len(folder.scores()) == len(folder.artefacts()) == 30


def test_who_waits_in_vain_is_told(folder, monkeypatch):
    monkeypatch.setattr(_scores, "_PATIENCE", 0.1)
    with locked(folder.path, pytest.fail), pytest.raises(TwofoldError, match="or writing its scores"):
        record(folder, [score(k=1)])


def test_random_networks_are_one_score_with_its_spread():
    repeats = [[score(v, k=1), score(v / 2, "macro_f1", k=1)] for v in (0.2, 0.3, 0.4)]
    accuracy, f1 = averaged(repeats)
    assert accuracy.value == pytest.approx(0.3)
    assert accuracy.protocol["k"] == 1
    assert accuracy.protocol["found"]["values"] == [0.2, 0.3, 0.4]
    assert accuracy.protocol["found"]["spread"] == pytest.approx(0.1)
    assert accuracy.high - accuracy.low > 0.2  # more than the images alone leave open
    assert f1.metric == "macro_f1"
    assert averaged(repeats[:1]) == repeats[0]


def test_a_figure_that_one_repeat_alone_tells_stays_as_it_is():
    alone = score(0.9, "macro_f1", k=1)
    accuracy, f1 = averaged([[score(0.2, k=1), alone], [score(0.4, k=1)]])
    assert accuracy.value == pytest.approx(0.3)
    assert f1 == alone


def test_the_mean_of_what_is_no_share_keeps_its_interval():
    repeats = [[Score("a run", "geometry", "rank", v, v, v, {}, share=False)] for v in (30.0, 40.0)]
    (rank,) = averaged(repeats)
    assert rank.value == 35
    assert rank.low < 30 and rank.high > 40
    assert not rank.share
