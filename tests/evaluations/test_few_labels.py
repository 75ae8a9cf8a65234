import dataclasses

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.places import cache_root
from twofold.evaluations._label_lists import draws
from twofold.evaluations._look import Look
from twofold.evaluations._task import Embedded, make_task
from twofold.evaluations.few_labels import FewLabels
from twofold.nn.encoder import Encoder


def test_a_draw_has_so_many_images_of_each_class():
    labels = np.random.default_rng(0).integers(0, 5, 200)
    for rows in draws(labels, 7, 20, seed=3):
        assert np.bincount(labels[rows]).tolist() == [7] * 5
        assert len(set(rows.tolist())) == 35


def test_draws_differ_by_number_seed_and_size_but_not_by_how_many_there_are():
    labels = np.arange(300) % 3
    few, many = draws(labels, 5, 3, seed=0), draws(labels, 5, 20, seed=0)
    assert all((one == other).all() for one, other in zip(few, many, strict=False))
    assert len({tuple(rows) for rows in many}) == 20
    assert not (draws(labels, 5, 1, seed=1)[0] == few[0]).all()


def test_every_subject_sees_the_same_draws(embedded):
    seen = []

    def watched(rows):
        seen[-1].append(rows)
        return torch.zeros(len(given.task.judge), dtype=torch.int64)

    for width in (8, 32):
        given = embedded(width=width)
        seen.append([])
        list(FewLabels(draws=5, shares=(0.1,)).scores("a subject", given.task, watched, {}))
    assert len(seen[0]) == 15
    assert all((one == other).all() for one, other in zip(*seen, strict=True))


def test_any_trainer_is_scored_on_its_draws(embedded):
    given = embedded(judged=100)
    truth = given.judge_labels
    wrong = iter([10, 20, 30])

    def trainer(rows):
        assert len(rows) == 8
        answers = truth.clone()
        answers[: next(wrong)] += 1
        return answers

    (score,) = FewLabels(per_class=(2,), shares=(), draws=3).scores(
        "scratch", given.task, trainer, {"how": "scratch"}
    )
    assert score.subject == "scratch"
    assert score.value == pytest.approx(0.8)
    assert score.protocol["found"]["values"] == pytest.approx([0.9, 0.8, 0.7])
    assert score.protocol["found"]["spread"] == pytest.approx(0.1)
    assert score.protocol["how"] == "scratch"
    assert score.low < 0.7  # three draws and 100 images leave much open
    assert score.high > 0.9


def test_more_labels_and_better_features_help(embedded):
    def accuracies(distance):
        few = FewLabels(per_class=(1, 10, 50), shares=(), draws=5)
        return [score.value for score in few(embedded(distance=distance))]

    poor, good = accuracies(1.0), accuracies(6.0)
    assert poor == sorted(poor)
    assert all(better > worse for better, worse in zip(good, poor, strict=True))
    assert good[-1] > 0.95


def test_labels_that_are_not_drawn_are_not_used(embedded):
    """Statistics of all features are used, which takes no labels."""
    given = embedded()
    labels = given.task.fit.labels
    (rows,) = draws(labels, 2, 1, seed=0)
    hidden = np.random.default_rng(1).permutation(labels)
    probe = FewLabels(per_class=(2,), shares=(), draws=1)
    (seen,) = probe(given)

    def blind(wanted):
        hidden[wanted] = labels[wanted]
        fit = dataclasses.replace(given.task.fit, labels=hidden)
        blinded = given._replace(task=dataclasses.replace(given.task, fit=fit))
        answers = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("twofold.evaluations.few_labels.draws", lambda *_: [wanted])
            answers.extend(probe(blinded))
        return answers[0].value

    assert blind(rows) == seen.value


def test_what_each_image_got_over_the_draws_makes_up_the_figure(embedded):
    for score in FewLabels(draws=4)(embedded()):
        assert score.per_image.shape == (200,)
        assert score.per_image.mean() == pytest.approx(score.value)


@pytest.fixture
def shades(source, engine, monkeypatch):
    """What a network of the given name sees of images that are told apart by their brightness."""
    monkeypatch.setattr("twofold.evaluations._finetune.FEWEST_STEPS", 20)
    torch.manual_seed(0)
    encoder = Encoder("resnet18_w4", size=8).eval()

    def make(subject):
        task = make_task(source(train=np.arange(90) % 3, test=np.arange(60) % 3))
        look = Look(encoder, 8, 3, engine)
        return Embedded(
            subject, task, look.features(task.fit), look.features(task.judge), task.protocol, look
        )

    return make


@pytest.mark.parametrize(("subject", "rate"), [("a run", 1e-3), ("random:resnet18_w4", 1e-2)])
def test_the_whole_network_is_trained_on_the_first_draws(shades, subject, rate):
    given, few = shades(subject), FewLabels(per_class=(3, 9), shares=(), draws=3, finetune=2)
    *probed, low, high = few(given)
    assert [score.protocol["arm"] for score in (*probed, low, high)] == ["probe", "probe", *["finetune"] * 2]
    assert low.protocol["per_class"] == 3 and low.protocol["draws"] == 2
    assert low.protocol["rate"] == rate
    assert low.protocol["start"].startswith("trained" if subject == "a run" else "random")
    assert low.protocol["found"]["kept"] == probed[0].protocol["found"]["kept"]
    assert high.value > 1 / 3
    again = list(few(given._replace(network=1)))
    assert [score.protocol["arm"] for score in again] == ["probe", "probe"]


def test_labels_that_are_not_drawn_train_no_network(shades):
    given, few = shades("a run"), FewLabels(per_class=(3,), shares=(), draws=1, finetune=1)
    labels = given.task.fit.labels
    (rows,) = draws(labels, 3, 1, seed=0)
    hidden = (labels + 1) % 3
    hidden[rows] = labels[rows]
    blind = dataclasses.replace(given.task, fit=dataclasses.replace(given.task.fit, labels=hidden))
    (fine,) = (score for score in few(given) if score.protocol["arm"] == "finetune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twofold.evaluations.few_labels.draws", lambda *_: [rows])
        (same,) = (s for s in few(given._replace(task=blind)) if s.protocol["arm"] == "finetune")
    assert (same.per_image == fine.per_image).all()


def test_a_number_of_draws_that_is_none_is_refused():
    with pytest.raises(UsageError, match="finetune -1"):
        FewLabels(finetune=-1)


def test_a_class_with_too_few_images_is_named(embedded):
    given = embedded(count=24, classes=4)
    with pytest.raises(TwofoldError, match=r"10 labelled images of each class.*'class 0' has 6"):
        list(FewLabels(per_class=(1, 10))(given))


def test_shares_stand_beside_numbers(embedded):
    numbered = FewLabels(per_class=(3,), shares=(0.05, 0.5), draws=4)(embedded(count=400))
    one, few, half = numbered
    assert one.protocol["per_class"] == 3
    assert [score.protocol["share"] for score in (few, half)] == [0.05, 0.5]
    assert "per_class" not in few.protocol
    assert len(half.protocol["found"]["values"]) == 4
    assert half.value > few.value


def test_lists_that_were_kept_give_the_same_figures(embedded, tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path))
    given = embedded()
    drawn = list(FewLabels(per_class=(2,), shares=(0.1,), draws=3)(given))
    kept = cache_root() / drawn[0].protocol["found"]["kept"]
    read = list(FewLabels(lists=str(kept.parent))(given))
    assert [score.protocol["lists"] for score in read] == ["per_class-2", "share-0.1"]
    values = [score.protocol["found"]["values"] for score in drawn]
    assert [score.protocol["found"]["values"] for score in read] == values
    assert all(score.protocol["draws"] == 3 for score in read)


def test_other_lists_are_another_figure(embedded, tmp_path):
    def digest(number):
        (tmp_path / "mine.txt").write_text("".join(f"{row + number}.png\n" for row in range(4)))
        return next(FewLabels(lists=str(tmp_path))(embedded())).protocol["digest"]

    assert digest(0) == digest(0) != digest(4)


@pytest.mark.parametrize("share", [0.0, -0.1, 10.0])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(UsageError, match=r"shares .*: it is (above 0|at most 1)"):
        FewLabels(shares=(share,))
