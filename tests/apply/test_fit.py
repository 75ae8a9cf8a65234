"""From an encoder and labelled images to a classifier."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import twofold
from colours import COLOURS, make_images
from fitted import ENGINE, QUIET, fitted, said
from twofold.apply.classifier import load_classifier
from twofold.apply.fit import Wish, fit_classifier
from twofold.core.errors import TwofoldError, UsageError
from twofold.data.opening import open_with_store, settings_from
from twofold.evaluations import _finetune
from twofold.evaluations._head import fit_linear
from twofold.evaluations._subjects import resolve
from twofold.evaluations._task import make_task
from twofold.nn.class_network import HeadKind


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_finetune, "FEWEST_STEPS", 6)


@pytest.mark.parametrize(
    "wish", [Wish(), Wish(head="mlp"), Wish(finetune=True, epochs=1)], ids=lambda wish: wish.name
)
@pytest.mark.usefixtures("few_steps")
def test_a_round_trip_labels_new_images_rightly(place: Path, tmp_path: Path, wish: Wish) -> None:
    fitted(place, wish).save(tmp_path / "classifier")
    new = make_images(tmp_path / "new", 6, seed=1, by_class=False)
    rows = said(tmp_path / "classifier", new)
    assert [row.path for row in rows] == sorted(path.name for path in new.iterdir())
    right = [row.path.startswith(row.name) for row in rows]
    assert np.mean(right) > 0.9
    assert all(1 / 3 < row.probability <= 1 for row in rows)


def test_it_says_what_it_is_and_how_it_was_judged(linear: Path) -> None:
    about = json.loads((linear / "classifier.json").read_text())
    assert about["classes"] == sorted(COLOURS)
    assert about["head"] == "linear"
    assert not about["finetuned"]
    assert about["origin"] == "run"
    accuracy = about["scores"][0]
    assert accuracy["metric"] == "accuracy"
    assert accuracy["low"] < accuracy["value"] <= accuracy["high"]
    assert accuracy["protocol"]["fit_images"] == 36
    assert accuracy["protocol"]["judge_images"] == 9
    assert "held-out fifth" in accuracy["protocol"]["split"]
    assert "all 45 labelled images" in about["shipped"]
    assert about["record"]["command"] == "twofold fit"


def test_the_linear_score_is_that_of_the_evaluation(place: Path, linear: Path) -> None:
    from twofold.evaluations._judge import judge
    from twofold.evaluations.linear import Linear

    settings = settings_from(None, None, None)
    source = open_with_store(str(place / "images"), "auto", settings, None, QUIET).source
    found = judge([str(place / "run")], source, make_task(source), [Linear()], engine=ENGINE).scores
    expected = {score.metric: score.value for score in found if score.subject == "run"}
    told = {score["metric"]: score["value"] for score in load_classifier(linear).about.scores}
    assert told == pytest.approx(expected)


def test_what_is_shipped_was_fitted_again_on_all_labelled_images(place: Path, linear: Path) -> None:
    classifier = load_classifier(linear)
    files = sorted((place / "images").rglob("*.png"))
    labels = torch.tensor([classifier.about.classes.index(file.parent.name) for file in files])
    strength = classifier.about.scores[0]["protocol"]["found"]["strength"]
    with torch.no_grad():
        h = classifier.encoder(classifier.transform(files))
        expected = fit_linear(h, labels, 3, strength)(h)
        assert torch.allclose(classifier.head(h), expected, atol=1e-2)


def test_without_fine_tuning_the_encoder_is_the_runs_own(place: Path, linear: Path) -> None:
    before, after = twofold.load(place / "run").state_dict(), twofold.load(linear).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_its_encoder_reads_files_as_the_classifier_does(linear: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(linear, tmp_path / "classifier"))
    about = json.loads((folder / "classifier.json").read_text())
    decode = {"short_side": 20, "value_range": [0, 1000]}
    (folder / "classifier.json").write_text(json.dumps({**about, "decode": decode}))
    assert twofold.load(folder).transform.settings == load_classifier(folder).transform.settings
    assert twofold.load(folder, value_range="0:9").transform.settings.value_range == (0, 9)


@pytest.mark.usefixtures("few_steps")
def test_fine_tuning_trains_weights_and_keeps_batch_norm_statistics(place: Path) -> None:
    tuned = fitted(place, Wish(finetune=True, epochs=1))
    before, after = twofold.load(place / "run").state_dict(), tuned.encoder.state_dict()
    for name in before:
        assert torch.equal(before[name], after[name]) == (
            "running" in name or "num_batches" in name or name in ("mean", "std")
        ), name
    protocol = tuned.about.scores[0]["protocol"]
    assert protocol["epochs"] == 1 and protocol["rate"] == 1e-3


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_random_encoder_is_trained_from_scratch(place: Path, head: HeadKind) -> None:
    """Its batch norms learn, too, and no head is fitted to what it makes of images before."""
    tuned = fitted(place, Wish(head, finetune=True, epochs=1), subject="random:resnet18_w4")
    state = tuned.encoder.state_dict()
    assert all(value.any() for name, value in state.items() if name.endswith("running_mean"))
    assert "strength" not in tuned.about.scores[0]["protocol"].get("found", {})
    protocol = tuned.about.scores[0]["protocol"]
    assert protocol["start"] == "random weights" and protocol["rate"] == 1e-2
    assert not tuned.head.get_submodule("0").get_buffer("mean").any()


def test_all_labelled_images_are_used_in_the_end(place: Path, tmp_path: Path) -> None:
    """Also those of a split that is neither fitted on nor judged on."""
    for split, each in (("train", 6), ("val", 4), ("test", 5)):
        make_images(tmp_path / "images" / split, each, seed=each)
    shutil.copytree(place / "run", tmp_path / "run")
    classifier = fitted(tmp_path, Wish())
    assert classifier.about.data["images"] == 45
    assert classifier.about.scores[0]["protocol"]["split"] == "fitted on train, judged on test"
    assert len(classifier.distance.features) == 45
    assert len(classifier.distance.usual) == 15


def test_labels_of_a_csv_file_for_a_few_of_the_images(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    images = make_images(tmp_path / "images", 10, by_class=False)
    table = "".join(f"{path.name},{path.name.split('-')[0]}\n" for path in sorted(images.iterdir())[::2])
    (tmp_path / "labels.csv").write_text(f"path,label\n{table}")
    classifier = fitted(tmp_path, Wish(), labels=str(tmp_path / "labels.csv"))
    assert classifier.about.data["images"] == 15
    assert classifier.about.classes == tuple(sorted(COLOURS))


def test_a_classifier_may_be_moved(linear: Path, place: Path, tmp_path: Path) -> None:
    expected = said(linear, place / "images")
    moved = shutil.copytree(linear, tmp_path / "elsewhere" / "moved")
    assert said(moved, place / "images") == expected


def test_nothing_is_overwritten_or_left_half_written(linear: Path, place: Path) -> None:
    with pytest.raises(TwofoldError, match="exists already"):
        load_classifier(linear).save(linear)
    assert not list(place.glob(".*"))


def test_what_is_no_classifier(linear: Path, place: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a classifier"):
        load_classifier(place / "run")
    broken = shutil.copytree(linear, tmp_path / "broken")
    (broken / "head.safetensors").unlink()
    with pytest.raises(TwofoldError, match=r"head\.safetensors"):
        load_classifier(broken)
    (broken / "classifier.json").write_text("{}")
    with pytest.raises(TwofoldError, match="damaged"):
        load_classifier(broken)


def test_raw_pixels_have_no_encoder_to_ship(place: Path) -> None:
    settings = settings_from(None, None, None)
    source = open_with_store(str(place / "images"), "auto", settings, None, QUIET).source
    with pytest.raises(UsageError, match="no encoder"):
        fit_classifier(
            resolve("pixels", source),
            source,
            make_task(source),
            Wish(),
            decode={},
            record={},
            engine=ENGINE,
            screen=QUIET,
        )
