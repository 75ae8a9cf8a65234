import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression as SlowRegression
from sklearn.preprocessing import StandardScaler

from twofold.core.errors import UsageError
from twofold.evaluations._standardise import standardised
from twofold.evaluations.linear import Linear


def by_metric(scores):
    return {score.metric: score for score in scores}


def test_it_is_scikit_learns_regression_at_the_selected_strength(embedded):
    given = embedded(count=800, judged=600)
    accuracy = by_metric(Linear()(given))["accuracy"]
    strength = accuracy.protocol["found"]["strength"]
    scaler = StandardScaler().fit(given.fit.double().numpy())
    slow = SlowRegression(C=1 / (800 * strength), max_iter=5000)
    slow.fit(scaler.transform(given.fit.double().numpy()), given.fit_labels.numpy())
    expected = slow.score(scaler.transform(given.judge.double().numpy()), given.judge_labels.numpy())
    assert accuracy.value == pytest.approx(expected, abs=0.002)
    assert accuracy.value > 0.5


def test_nothing_is_selected_on_what_is_judged(embedded):
    """Other labels of the judged images: the same classifier, strength and held-out accuracy."""
    given = embedded()
    seen = by_metric(Linear()(given))["accuracy"]
    labels = np.random.default_rng(0).permutation(given.task.judge.labels)
    judge = dataclasses.replace(given.task.judge, labels=labels)
    shuffled = given._replace(task=dataclasses.replace(given.task, judge=judge))
    other = by_metric(Linear()(shuffled))["accuracy"]
    assert other.protocol == seen.protocol
    assert other.value < seen.value


def test_what_is_judged_does_not_move_the_scale(embedded):
    given = embedded()
    fit, judge = standardised(given.fit, given.judge)
    far_fit, far_judge = standardised(given.fit, given.judge + 100)
    assert torch.equal(fit, far_fit)
    assert (far_judge - judge).min() > 50
    assert fit.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(fit.std(0, correction=0), torch.ones(16))


def test_a_dead_channel_does_not_become_the_loudest():
    fit = torch.randn(500, 4)
    fit[:, 0] = 0
    fit[:, 1] = 1e-9 * torch.randn(500)
    judge = fit.clone()
    judge[:, :2] = 0.01
    scaled = standardised(fit, judge)[1]
    assert scaled.isfinite().all()
    assert scaled[:, :2].abs().max() < 20


def test_noise_is_penalised_and_a_clear_signal_is_not(embedded):
    def strength(**about):
        return by_metric(Linear()(embedded(**about)))["accuracy"].protocol["found"]["strength"]

    assert strength(count=80, width=60, distance=1.5) > strength(count=4000, width=4, distance=1.0)


def test_of_equally_good_strengths_the_strongest_is_taken(embedded):
    easy = embedded(distance=60.0)
    accuracy = by_metric(Linear(strengths=(1e-4, 1e-2, 1e-3))(easy))["accuracy"]
    assert accuracy.value == 1.0
    assert accuracy.protocol["found"]["strength"] == 1e-2


def test_the_seed_decides_what_is_held_out(embedded):
    given = embedded()
    again = [next(Linear()(given._replace(task=dataclasses.replace(given.task, seed=s)))) for s in (0, 0, 1)]
    assert again[0] == again[1]
    found = [score.protocol["found"]["held_out_accuracy"] for score in again]
    assert found[0] != found[2]


def test_every_class_has_its_recall(embedded):
    scores = by_metric(Linear()(embedded(classes=4)))
    assert [name for name in scores if name.startswith("recall/")] == [f"recall/class {n}" for n in range(4)]
    assert scores["macro_f1"].low < scores["macro_f1"].value < scores["macro_f1"].high


def test_the_strength_is_not_chosen_on_other_frames_of_the_same_scene(embedded):
    """Frames are all but equal: a fifth of them is as easy as what was seen, a fifth of the scenes is not."""
    scenes, frames = 30, 10
    given = embedded(count=scenes * frames, width=40, classes=3)
    random = np.random.default_rng(0)
    label = random.integers(0, 3, scenes).repeat(frames)
    scene = torch.from_numpy(random.normal(size=(scenes, 40)).repeat(frames, 0)).float()
    fit = scene + 0.01 * torch.randn(scene.shape, generator=torch.Generator().manual_seed(0))

    def held_out_accuracy(groups):
        images = dataclasses.replace(given.task.fit, labels=label)
        task = dataclasses.replace(given.task, fit=images, groups=groups)
        return next(Linear()(given._replace(task=task, fit=fit))).protocol["found"]["held_out_accuracy"]

    assert held_out_accuracy(None) == 1.0
    assert held_out_accuracy(tuple(str(number) for number in range(scenes) for _ in range(frames))) < 0.7


def test_a_family_is_recorded_and_selects_nothing(embedded):
    accuracy = by_metric(Linear(family="swav", epochs=3)(embedded()))["accuracy"]
    assert accuracy.value > 0.5
    protocol = accuracy.protocol
    assert (protocol["family"], protocol["epochs"], protocol["batch_size"]) == ("swav", 3, 256)
    assert protocol["optimizer"]["lr"] == pytest.approx(0.3)
    assert "selected" not in protocol
    assert "strengths" not in protocol


def test_a_family_that_takes_large_batches_takes_all_of_few_images(embedded):
    protocol = by_metric(Linear(family="simclr", epochs=2)(embedded(count=128)))["accuracy"].protocol
    assert protocol["batch_size"] == 128
    assert protocol["optimizer"]["lr"] == pytest.approx(0.05)


def test_a_family_sees_features_as_they_are(embedded):
    """Longer ones learn as with a higher rate, and a constant added to all is in the way."""
    given = embedded()
    plain, long, moved = (
        by_metric(Linear(family="vicreg", epochs=5)(given._replace(fit=fit, judge=judge)))["accuracy"]
        for fit, judge in (
            (given.fit, given.judge),
            (30 * given.fit, 30 * given.judge),
            (given.fit + 30, given.judge + 30),
        )
    )
    assert long.value != plain.value
    assert moved.value < plain.value


def test_without_a_family_the_record_is_as_it_was(embedded):
    protocol = by_metric(Linear()(embedded()))["accuracy"].protocol
    assert list(protocol)[:2] == ["strengths", "selected"]
    assert not {"family", "epochs", "augmented", "optimizer"} & set(protocol)


def test_a_family_on_views_judges_the_usual_views(seen):
    """Of images whose brightness tells the class."""
    given = seen(torch.nn.Flatten(), count=60)
    fit, judge = (
        dataclasses.replace(side, labels=np.arange(len(side)) % 3)
        for side in (given.task.fit, given.task.judge)
    )
    task = dataclasses.replace(given.task, fit=fit, judge=judge, classes=("dark", "gray", "light"))
    given = given._replace(task=task)
    scores = by_metric(Linear(family="swav", epochs=20, augmented=True)(given))
    assert scores["accuracy"].protocol["augmented"]
    assert scores["accuracy"].value > 0.6
    assert scores["accuracy"].protocol != next(Linear(family="swav", epochs=20)(given)).protocol


@pytest.mark.parametrize("about", [{"epochs": 5}, {"augmented": True}])
def test_what_only_a_family_has_is_refused_without_one(about):
    with pytest.raises(UsageError, match="name the family"):
        Linear(**about)


def test_no_epoch_is_refused():
    with pytest.raises(UsageError, match="1 or more"):
        Linear(family="moco", epochs=0)
