"""Transfer to images that may show several classes."""

import dataclasses

import numpy as np
import pytest
import sklearn.linear_model
import torch
from PIL import Image
from torch import nn

from twofold.core.errors import TwofoldError
from twofold.evaluations._several_classes import SeveralClasses, judged
from twofold.evaluations._standardise import standardised
from twofold.evaluations.transfer import Transfer
from twofold.metrics.average_precision import mean_average_precision


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def given(embedded):
    made = embedded()
    return made._replace(look=made.look.__class__(nn.Flatten().eval(), 4, 3, made.look.engine))


def voc(folder, splits, difficult=()):
    """Images of two colours, each of which may be bright: red shows an apple, green a pear."""
    random = np.random.default_rng(0)
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (folder / part).mkdir(parents=True)
    for split, count in splits.items():
        names = [f"{split}{number:03d}" for number in range(count)]
        (folder / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            has = random.integers(0, 2, 2)
            pixels = random.integers(0, 100, (4, 4, 3)) + 12 * np.array([*has, 0])
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "JPEGImages" / f"{name}.png")
            objects = "".join(
                f"<object><name>{kind}</name><difficult>{int(name in difficult)}</difficult></object>"
                for kind, shown in zip(("apple", "pear"), has, strict=True)
                if shown
            )
            (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    return str(folder)


def test_images_of_several_classes_are_judged_by_the_mean_of_their_precisions(given, tmp_path):
    name = voc(tmp_path / "fruit", {"train": 60, "val": 30, "test": 40})
    (score,) = Transfer(data=(name,), finetune=True)(given)
    assert score.protocol["measure"] == "11-point mAP of 2 classes"
    assert score.protocol["split"] == "fitted on train and val, judged on test"
    assert score.protocol["selected"] == "L2 strength, on val"
    assert (score.protocol["fit_images"], score.protocol["judge_images"]) == (90, 40)
    assert 0.7 < score.value < 1 and score.low < score.value < score.high  # about half show a class


def test_val_is_judged_on_where_there_is_no_test(given, tmp_path):
    (score,) = Transfer(data=(voc(tmp_path / "fruit", {"train": 60, "val": 30}),))(given)
    assert score.protocol["split"] == "fitted on train, judged on val"
    assert "held-out fifth" in score.protocol["selected"]


def test_who_chooses_leaves_test_alone_here_too(given, tmp_path):
    choosing = given._replace(task=dataclasses.replace(given.task, judge_on="val"))
    (score,) = Transfer(data=(voc(tmp_path / "fruit", {"train": 60, "val": 30, "test": 40}),))(choosing)
    assert score.protocol["split"] == "fitted on train, judged on val"
    with pytest.raises(TwofoldError, match=r"for --judge-on val a val\.txt"):
        list(Transfer(data=(voc(tmp_path / "less", {"train": 20, "test": 10}),))(choosing))


def test_difficult_images_do_not_count(given, tmp_path):
    splits = {"train": 60, "test": 40}
    hidden = [f"test{number:03d}" for number in range(0, 40, 2)]
    figures = [
        next(Transfer(data=(voc(tmp_path / folder, splits, difficult),))(given))
        for folder, difficult in (("all", ()), ("fewer", hidden))
    ]
    assert figures[0].value != figures[1].value
    assert figures[1].high - figures[1].low > figures[0].high - figures[0].low


def test_images_that_are_listed_and_not_there_are_named(given, tmp_path):
    name = voc(tmp_path / "fruit", {"train": 20, "test": 10})
    (tmp_path / "fruit/JPEGImages/train007.png").unlink()
    with pytest.raises(TwofoldError, match=r"lacks 1 images .* as train007"):
        list(Transfer(data=(name,))(given))


def test_images_that_show_nothing_are_told(given, tmp_path):
    name = voc(tmp_path / "fruit", {"train": 20, "test": 10})
    for file in (tmp_path / "fruit/Annotations").glob("test*"):
        file.write_text("<annotation/>")
    with pytest.raises(TwofoldError, match="no image to judge shows"):
        list(Transfer(data=(name,))(given))


def test_nothing_to_judge_on_is_told(given, tmp_path):
    with pytest.raises(TwofoldError, match=r"test\.txt or val\.txt"):
        list(Transfer(data=(voc(tmp_path / "fruit", {"train": 20}),))(given))


def test_a_logistic_regression_is_fitted_at_the_strength_that_is_told(embedded):
    """At one strength, against scikit-learn's of each class."""
    given = embedded(count=120, judged=50, width=6)
    random = np.random.default_rng(0)
    fit, judge = (torch.from_numpy(random.integers(0, 2, (n, 3))) for n in (120, 50))
    fit[::7, 1] = -1
    found = judged(given, SeveralClasses(given.task, fit, judge), (0.05,))
    x, asked = standardised(given.fit, given.judge)
    scores = []
    for has in fit.T:
        rows = has >= 0
        model = sklearn.linear_model.LogisticRegression(
            C=1 / (0.05 * rows.sum().item()), tol=1e-10, max_iter=10000
        )
        scores.append(model.fit(x[rows], has[rows]).decision_function(asked))
    same = mean_average_precision(torch.from_numpy(np.stack(scores, 1)), judge)
    assert found.estimate.value == pytest.approx(same.value, abs=1e-6)
    assert found.strength == 0.05
