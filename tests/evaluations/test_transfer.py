"""Transfer to other data sets."""

import numpy as np
import pytest
import sklearn.linear_model
import torch
from PIL import Image
from torch import nn

from twofold.core.errors import TwofoldError, UsageError
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations._several_classes import SeveralClasses, judged
from twofold.evaluations._standardise import standardised
from twofold.evaluations.linear import Linear
from twofold.evaluations.transfer import MEAN_PER_CLASS, STRENGTHS, Transfer
from twofold.metrics.average_precision import mean_average_precision


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))


def data(path, counts, seed=0, splits=("train", "test")):
    """Noise, brighter in one class; so many images of each class in each split."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    sides = {}
    for split in splits:
        pixels = random.integers(0, 160, (len(labels), 4, 4, 3)) + 12 * labels[:, None, None, None]
        sides |= {f"{split}_images": pixels.clip(0, 255).astype(np.uint8), f"{split}_labels": labels}
    np.savez(path, **sides)
    return str(path)


@pytest.fixture
def given(embedded):
    made = embedded()
    return made._replace(look=made.look.__class__(nn.Flatten().eval(), 4, 3, made.look.engine))


def test_the_strengths_are_the_papers():
    assert len(STRENGTHS) == 45
    assert STRENGTHS[0] == pytest.approx(1e5) and STRENGTHS[-1] == pytest.approx(1e-6)
    ratios = np.divide(STRENGTHS[1:], STRENGTHS[:-1])
    assert ratios == pytest.approx(ratios[0])


def test_each_data_set_gets_a_figure_by_its_own_labels(given, tmp_path):
    names = [data(tmp_path / f"{name}.npz", (40, 40), seed) for seed, name in enumerate(("one", "two"))]
    scores = list(Transfer(data=tuple(names))(given))
    assert [score.protocol["to"] for score in scores] == ["one", "two"]
    assert all(score.value > 0.6 and score.low < score.value < score.high for score in scores)
    assert scores[0].protocol["split"] == "fitted on train, judged on test"
    assert scores[0].value != scores[1].value
    assert "held-out fifth of the fitted images" in scores[0].protocol["selected"]


@pytest.mark.parametrize("name", ["flowers102", "Caltech-101"])
def test_pets_and_flowers_are_judged_class_by_class(name, given, tmp_path):
    uneven = (300, 60)
    accuracy, mean = (
        next(Transfer(data=(data(tmp_path / f"{called}.npz", uneven),))(given)) for called in ("petals", name)
    )
    assert (accuracy.protocol["measure"], mean.protocol["measure"]) == (
        "accuracy",
        "mean recall of the classes",
    )
    assert mean.value < accuracy.value  # the small class is the harder one
    assert mean.high - mean.low > accuracy.high - accuracy.low


@pytest.mark.parametrize(
    "name",
    [
        *(
            "fgvc-aircraft-2013b",
            "FGVCAircraft",
            "aircraft",
            "102flowers",
            "oxford-102-flowers",
            "vgg-flowers",
        ),
        *(
            "oxford_flowers102",
            "flowers",
            "oxford-iiit-pet",
            "OxfordIIITPet",
            "pets_224",
            "101_ObjectCategories",
        ),
        *("caltech", "caltech101", "Caltech-101-small"),
    ],
)
def test_data_sets_of_the_paper_have_its_measure_by_whatever_official_name(name):
    assert MEAN_PER_CLASS.search(name.lower())


@pytest.mark.parametrize(
    "name",
    ["caltech256", "caltech-256", "caltech_birds", "256_ObjectCategories", "carpets", "petals", "cifar10"],
)
def test_others_are_judged_by_accuracy(name):
    assert not MEAN_PER_CLASS.search(name.lower())


def test_the_strength_is_chosen_on_val_and_val_is_fitted_too(given, tmp_path, monkeypatch):
    counted, real = [], LogisticRegression.__init__
    monkeypatch.setattr(
        LogisticRegression, "__init__", lambda it, *of: counted.append(len(of[0])) or real(it, *of)
    )
    name = data(tmp_path / "three.npz", (30, 30), splits=("train", "val", "test"))
    (score,) = Transfer(data=(name,))(given)
    assert counted == [60, 120]
    assert score.protocol["selected"] == "L2 strength, on val"
    assert score.protocol["split"] == "fitted on train and val, judged on test"
    assert (score.protocol["fit_images"], score.protocol["judge_images"]) == (120, 60)


def test_a_val_that_is_judged_on_is_not_fitted(given, tmp_path):
    name = data(tmp_path / "two.npz", (30, 30), splits=("train", "val"))
    (score,) = Transfer(data=(name,))(given)
    assert score.protocol["split"] == "fitted on train, judged on val"
    assert "held-out fifth" in score.protocol["selected"]
    assert score.protocol["fit_images"] == 60


@pytest.mark.parametrize("patience", [2, None])
def test_all_strengths_are_tried_where_patience_has_no_end(embedded, monkeypatch, patience):
    tried, real = [], LogisticRegression.fit
    monkeypatch.setattr(LogisticRegression, "fit", lambda *of, **how: tried.append(of[1]) or real(*of, **how))
    accuracy = next(Linear(strengths=STRENGTHS, patience=patience)(embedded(count=800, width=64)))
    assert (len(tried) == 46) == (patience is None)  # and the chosen one once more
    assert ("patience" in accuracy.protocol) == (patience is None)


def test_strengths_that_all_let_nothing_be_learned_do_not_end_the_search(embedded):
    given = embedded(distance=6.0)
    (accuracy, *_) = Linear(strengths=(1e15, 1e14, 1e13, 1e12, 1e-2), patience=2)(given)
    assert accuracy.protocol["found"]["strength"] == 1e-2
    assert accuracy.value > 0.8


def test_images_are_seen_with_their_whole_short_side(embedded, tmp_path):
    random, labels = np.random.default_rng(0), np.arange(40) % 2
    pixels = random.integers(0, 30, (40, 140, 140, 3))
    pixels[:, :6] += 200 * labels[:, None, None, None]  # what tells the classes lies at the border
    np.savez(tmp_path / "framed.npz", images=pixels.astype(np.uint8), labels=labels)
    made = embedded()
    look = made.look.__class__(nn.Flatten().eval(), 72, 3, made.look.engine)
    (score,) = Transfer(data=(str(tmp_path / "framed.npz"),))(made._replace(look=look))
    assert score.value == 1
    assert score.protocol["framing"] == "short side whole, bicubic"


def test_no_data_is_a_misuse():
    with pytest.raises(UsageError, match="to which data"):
        Transfer()


def test_raw_pixels_have_no_fine_tuned_arm(given, tmp_path):
    scores = list(Transfer(data=(data(tmp_path / "one.npz", (20, 20)),), finetune=True)(given))
    assert [score.protocol["arm"] for score in scores] == ["linear"]


def test_raw_pixels_are_those_of_the_data_they_are_judged_on(embedded, tmp_path):
    gray = (
        np.random.default_rng(0).integers(0, 160, (60, 6, 6, 1))
        + 40 * (np.arange(60) % 2)[:, None, None, None]
    )
    np.savez(tmp_path / "gray.npz", images=gray.astype(np.uint8), labels=np.arange(60) % 2)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        real = Linear.__call__
        patch.setattr(Linear, "__call__", lambda *of: seen.append(of[1].fit) or real(*of))
        (score,) = Transfer(data=(str(tmp_path / "gray.npz"),))(embedded()._replace(subject="pixels"))
    assert seen[0].shape[1] == 36
    assert score.protocol["view"].startswith("6x6 pixels")
    assert score.value > 0.6


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
