"""Transfer to other data sets."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from torch import nn

from twofold.core.errors import UsageError
from twofold.evaluations import transfer
from twofold.evaluations._logistic import LogisticRegression
from twofold.evaluations.linear import Linear
from twofold.evaluations.transfer import MEAN_PER_CLASS, STRENGTHS, Transfer


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
    for score in (accuracy, mean):  # what two encoders are compared by
        assert score.per_image.mean() == pytest.approx(score.value)
    assert len(np.unique(mean.per_image)) == 3 and len(np.unique(accuracy.per_image)) == 2


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


@pytest.fixture
def choosing(given):
    """What a user gives who has said ``--judge-on val``."""
    return given._replace(task=dataclasses.replace(given.task, judge_on="val"))


def test_each_data_set_is_opened_once_for_all_subjects(given, tmp_path, monkeypatch):
    opened, real = [], transfer.open_source
    monkeypatch.setattr(transfer, "open_source", lambda name, **how: opened.append(name) or real(name, **how))
    names = tuple(data(tmp_path / f"{name}.npz", (20, 20)) for name in ("one", "two"))
    protocol = Transfer(data=names)
    assert len(list(protocol.tasks(given.task))) == len(list(protocol(given))) == len(list(protocol(given)))
    assert opened == [*names]


@pytest.mark.parametrize(
    ("splits", "split"),
    [
        (("train", "val", "test"), "fitted on train, judged on val"),
        (("train", "test"), "fitted on four fifths of train, judged on the held-out fifth"),
    ],
)
def test_who_chooses_leaves_test_alone_here_too(choosing, tmp_path, splits, split):
    protocol = Transfer(data=(data(tmp_path / "two.npz", (30, 30), splits=splits),))
    (score,), (task,) = protocol(choosing), protocol.tasks(choosing.task)
    assert score.protocol["split"].startswith(split)
    assert task.protocol["split"] == score.protocol["split"]


def test_of_caltech_101_thirty_images_of_each_class_are_drawn(given, choosing, tmp_path):
    name = data(tmp_path / "caltech101.npz", (50, 40), splits=("train",))
    first, again = (next(Transfer(data=(name,)).tasks(given.task)) for _ in range(2))
    assert (np.bincount(first.fit.labels).tolist(), np.bincount(first.judge.labels).tolist()) == (
        [30, 30],
        [20, 10],
    )
    assert not {*first.fit.paths} & {*first.judge.paths}
    assert first.fit.paths == again.fit.paths
    (score,) = Transfer(data=(name,))(given)
    drawn = "train being 30 images of each class, drawn with seed 0"
    assert score.protocol["split"] == f"fitted on train, judged on test, {drawn}"
    assert first.held_out_of_train  # who has learned from these labels has learned from those of test
    other = dataclasses.replace(given.task, seed=1)
    assert next(Transfer(data=(name,)).tasks(other)).fit.paths != first.fit.paths
    val = next(Transfer(data=(name,)).tasks(choosing.task))
    assert (len(val.fit), len(val.judge)) == (48, 12)
    assert {*val.fit.paths, *val.judge.paths} == {*first.fit.paths}


@pytest.mark.parametrize(
    ("name", "splits"), [("caltech101", ("train", "test")), ("caltech256", ("train",)), ("cats", ("train",))]
)
def test_nothing_is_drawn_of_other_data_or_where_there_are_splits(name, splits, given, tmp_path):
    path = data(tmp_path / f"{name}.npz", (50, 50), splits=splits)
    assert len(next(Transfer(data=(path,)).tasks(given.task)).fit) == (100 if "test" in splits else 80)


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


def test_how_many_images_it_trains_on_and_how_large_they_are(given, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(transfer, "Finetune", lambda images: asked.append(images) or (lambda _: []))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 140, 150, 3), dtype=np.uint8)
    np.savez(tmp_path / "large.npz", images=pixels, labels=np.arange(40) % 2)
    named = Transfer(data=(str(tmp_path / "large.npz"),), finetune=True, images=30, store_size=80)
    list(named(given))
    assert asked == [30]
    (source, _), *_ = named._opened
    assert {side for images in source.splits.values() for side in images.sizes.min(axis=1)} == {80}


def test_labels_and_the_range_of_values_may_be_named(given, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for row in range(40):
        pixels = random.integers(0, 300, (8, 8)) + 600 * (row % 2)
        Image.fromarray(pixels.astype(np.uint16)).save(folder / f"{row}.png")
    lines = ["path,label", *(f"{row}.png,{'ab'[row % 2]}" for row in range(40))]
    (folder / "labels.csv").write_text("\n".join(lines))
    named = Transfer(data=(str(folder),), labels=(str(folder / "labels.csv"),), value_range="0:1800")
    (score,) = named(given._replace(look=dataclasses.replace(given.look, size=8)))
    assert score.value == 1
    (source, _), *_ = named._opened
    half = 255 * 450 / 1800  # by their own range it would be twice that
    assert source.splits["train"].read(np.arange(40)).float().mean() == pytest.approx(half, abs=4)


def test_labels_of_another_number_of_data_sets_are_refused():
    with pytest.raises(UsageError, match="transfer: labels of 1 data sets for 2: give them for each"):
        Transfer(data=("one.npz", "two.npz"), labels=("auto",))


def test_files_that_cannot_be_read_are_told(embedded, tmp_path):
    folder = tmp_path / "photos"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for row in range(6):
            Image.new("RGB", (8, 8), (20 * row, 0, 0)).save(folder / name / f"{row}.png")
    (folder / "cat" / "torn.png").write_bytes(b"no image")
    (there,) = Transfer(data=(str(folder),)).tasks(embedded().task)
    assert "files left out: 1 (see: twofold check)" in there.notes


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
