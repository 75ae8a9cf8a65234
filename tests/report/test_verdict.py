from hypothesis import given
from hypothesis import strategies as st

from twofold.core.evaluation import Score
from twofold.report.verdict import judge


def score(subject, value, *, half=0.01, evaluation="knn", metric="accuracy", **protocol):
    return Score(subject, evaluation, metric, value, value - half, value + half, protocol)


def test_clear_of_both_floors_is_yes_and_says_the_numbers():
    answer, sentence = judge([score("pixels", 0.41), score("random:resnet18", 0.31), score("my-run", 0.56)])
    assert answer == "yes"
    assert sentence == (
        "Pre-training helped: by k-NN it reaches 56.0%, "
        "where raw pixels reach 41.0% and a random encoder reaches 31.0%."
    )


def test_better_than_random_but_worse_than_pixels_is_no():
    assert judge([score("pixels", 0.41), score("random:resnet18", 0.31), score("run", 0.36)]).answer == "no"


def test_overlapping_intervals_are_undecided():
    answer, sentence = judge([score("pixels", 0.41, half=0.03), score("run", 0.44, half=0.03)])
    assert answer == "undecided"
    assert "intervals overlap" in sentence


def test_the_better_of_two_random_encoders_is_the_floor():
    scores = [score("random:a", 0.30), score("random:b", 0.50), score("run", 0.40)]
    assert judge(scores).answer == judge(scores[::-1]).answer == "no"


def test_evaluations_that_disagree_leave_it_undecided():
    scores = [score("pixels", 0.4), score("run", 0.5)]
    scores += [score("pixels", 0.4, evaluation="linear"), score("run", 0.3, evaluation="linear")]
    answer, sentence = judge(scores)
    assert answer == "undecided"
    assert "50.0%" in sentence and "30.0%" in sentence and "disagree" in sentence


def test_without_labels_nothing_is_claimed():
    answer, sentence = judge([])
    assert answer == "untested"
    assert "needs labels" in sentence
    assert judge([score("pixels", 0.4)]).answer == "untested"


def test_what_labels_have_judged_otherwise_is_not_denied():
    """Clusters, retrieval and few labels tell something, but not the answer."""
    scores = [
        score("run", 0.4, evaluation="clusters", metric="nmi"),
        score("run", 0.9, evaluation="few_labels"),
    ]
    answer, sentence = judge(scores)
    assert answer == "untested"
    assert sentence.startswith("Neither k-NN nor a linear probe has judged the encoder yet. The answer needs")


def test_without_a_floor_nothing_is_claimed():
    assert judge([score("run", 0.99)]).answer == "undecided"
    assert judge([score("run", 0.99), score("timm:resnet18", 0.2)]).answer == "undecided"


def test_supervised_and_public_weights_are_no_floors():
    scores = [score("pixels", 0.4), score("supervised", 0.9), score("timm:resnet18", 0.9), score("run", 0.5)]
    assert judge(scores).answer == "yes"


def test_what_a_part_of_the_run_reaches_does_not_decide():
    scores = [score("pixels", 0.41), score("run@projector", 0.7), score("run", 0.3)]
    assert judge(scores).answer == "no"


def test_other_metrics_and_few_label_scores_do_not_decide():
    scores = [score("pixels", 0.4), score("run", 0.5)]
    scores += [score("pixels", 0.9, metric="macro_f1"), score("run", 0.1, metric="macro_f1")]
    scores += [score("pixels", 0.9, evaluation="few_labels"), score("run", 0.1, evaluation="few_labels")]
    assert judge(scores).answer == "yes"


def test_of_several_k_the_largest_decides_whichever_was_measured_last():
    many = [score(s, v, k=200) for s, v in (("pixels", 0.4), ("run", 0.5))]
    one = [score(s, v, k=1) for s, v in (("pixels", 0.4), ("run", 0.3))]
    assert judge([*many, *one]) == judge([*one, *many])
    assert judge([*one, *many]).answer == "yes"


shares = st.floats(0, 1)


@given(st.lists(st.tuples(st.sampled_from(["pixels", "random:net", "run"]), shares, shares, shares)))
def test_yes_and_no_need_intervals_that_do_not_touch(drawn):
    scores = []
    for subject, *figures in drawn:
        low, value, high = sorted(figures)
        scores.append(Score(subject, "knn", "accuracy", value, low, high, {}))
    last = {s.subject: s for s in scores}
    answer = judge(scores).answer
    floors = [last[name] for name in ("pixels", "random:net") if name in last]
    if answer == "yes":
        assert floors and all(last["run"].low > floor.high for floor in floors)
    if answer == "no":
        assert any(last["run"].high < floor.low for floor in floors)


def test_what_was_judged_last_counts():
    """Scores of other images, or of fewer labels, stay in the file."""

    def judged(value, images, **options):
        return [
            score(name, figure, fit_images=images, view=name, **options)
            for name, figure in (("pixels", 0.3), ("random:x", 0.29), ("run", value))
        ]

    early, late = judged(0.31, 80), judged(0.7, 800)
    assert judge([*early, *late]).answer == "yes"
    assert judge([*late, *early]).answer == "undecided"
    both = judge([*early, *judged(0.6, 800, evaluation="linear"), *late]).sentence
    assert "by k-NN it reaches 70.0%" in both and "by linear probe it reaches 60.0%" in both


def test_a_run_that_was_judged_up_to_a_part_alone_has_no_answer_but_a_way_to_one():
    told = judge([score("pixels", 0.4), score("run@projector", 0.5)])
    assert told.answer == "untested" and "judge the run itself" in told.sentence
