"""What a classifier says of new images."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from colours import make_images
from fitted import ENGINE, QUIET, said
from twofold.apply.classifier import load_classifier
from twofold.apply.fit import Wish, fit_classifier
from twofold.apply.predict import Prediction, Summary, predict, write_csv
from twofold.core.errors import TwofoldError, UsageError
from twofold.data.opening import open_with_store, settings_from
from twofold.evaluations._subjects import resolve
from twofold.evaluations._task import make_task


def test_what_it_says_of_a_file_is_what_its_python_object_says(linear: Path, place: Path) -> None:
    classifier = load_classifier(linear)
    rows = said(linear, place / "images")
    files = [place / "images" / row.path for row in rows]
    with torch.no_grad():
        output = classifier(classifier.transform(files))
    assert torch.allclose(output.probabilities.sum(dim=1), torch.ones(len(rows)))
    assert output.probabilities.amax(dim=1).tolist() == pytest.approx([r.probability for r in rows], abs=1e-4)
    assert output.distance.tolist() == pytest.approx([row.distance for row in rows], abs=1e-4)


def test_strange_images_are_far_and_usual_ones_are_not(linear: Path, tmp_path: Path) -> None:
    usual = said(linear, make_images(tmp_path / "usual", 10, seed=5, by_class=False))
    flat = np.zeros((4, 32, 32, 3), np.uint8)
    flat[:, ::2] = 255
    np.save(tmp_path / "strange.npy", flat)
    strange = said(linear, tmp_path / "strange.npy")
    assert min(row.distance for row in strange) > max(row.distance for row in usual)
    assert {row.percentile for row in strange} == {100}
    assert np.median([row.percentile for row in usual]) < 90


def test_the_csv_has_a_row_for_every_image_and_says_why_one_is_broken(linear: Path, tmp_path: Path) -> None:
    new = make_images(tmp_path / "new", 3, by_class=False)
    (new / "broken.png").write_bytes((new / "red-000.png").read_bytes()[:80])
    (new / "words.jpg").write_text("no image at all")
    (new / "notes.txt").write_text("nor does it claim to be one")
    (new / "README").write_text("nor this")
    rows = predict(load_classifier(linear), str(new), engine=ENGINE, screen=QUIET)
    summary = write_csv(rows, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as file:
        table = {row["path"]: row for row in csv.DictReader(file)}
    assert table.keys() == {path.name for path in new.iterdir()} - {"notes.txt", "README"}
    assert table["words.jpg"]["class"] == ""
    assert table["words.jpg"]["probability"] == ""
    assert table["words.jpg"]["reason"]
    assert table["broken.png"]["reason"]
    whole = table["red-001.png"]
    assert whole["class"] == "red"
    assert 0 < float(whole["probability"]) <= 1
    assert 0 <= float(whole["distance_percentile"]) <= 100
    assert whole["reason"] == ""
    assert summary.unreadable == 2
    assert sum(summary.classes.values()) == 9


def test_more_images_than_a_batch_come_in_order(linear: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.save(tmp_path / "many.npy", random.integers(0, 256, (300, 8, 8, 3), dtype=np.uint8))
    rows = said(linear, tmp_path / "many.npy")
    assert len(rows) == 300
    assert [row.path for row in rows] == sorted(row.path for row in rows)


def test_far_images_are_counted() -> None:
    summary = Summary()
    for percentile in (50.0, 99.0, 99.5, 100.0):
        summary.add(Prediction("x", "cat", 0.9, 0.1, percentile))
    assert summary.far == 2


def test_a_csv_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaks() -> object:
        yield Prediction("one")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(breaks(), tmp_path / "predictions.csv")
    assert list(tmp_path.iterdir()) == []


def test_deep_images_are_read_with_the_range_of_the_training(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    ramp = np.linspace(0, 4000, 32 * 32).reshape(32, 32)
    dark, bright = ramp / 4, ramp
    images = np.stack([dark, bright] * 10).astype(np.uint16)
    np.savez(tmp_path / "deep.npz", images=images, labels=np.arange(20) % 2)
    settings = settings_from(None, None, None)
    opened = open_with_store(str(tmp_path / "deep.npz"), "auto", settings, None, QUIET)
    classifier = fit_classifier(
        resolve(str(tmp_path / "run"), opened.source),
        opened.source,
        make_task(opened.source),
        Wish(),
        decode={"short_side": 256, "value_range": opened.store.index.value_range},
        record={},
        engine=ENGINE,
        screen=QUIET,
    )
    classifier.save(tmp_path / "classifier")
    np.save(tmp_path / "new.npy", images[:2])
    rows = said(tmp_path / "classifier", tmp_path / "new.npy")
    assert [row.name for row in rows] == [classifier.about.classes[0], classifier.about.classes[1]]


def test_deep_images_need_a_range(linear: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "deep.npy", np.arange(2 * 32 * 32, dtype=np.uint16).reshape(2, 32, 32))
    assert all("--range" in row.reason for row in said(linear, tmp_path / "deep.npy"))
    classifier = load_classifier(linear, value_range="0:4095")
    rows = list(predict(classifier, str(tmp_path / "deep.npy"), engine=ENGINE, screen=QUIET))
    assert all(row.name and not row.reason for row in rows)


def test_no_images_to_label(linear: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TwofoldError, match="no image"):
        said(linear, tmp_path / "empty")
    with pytest.raises(UsageError):
        said(linear, tmp_path / "nowhere")
