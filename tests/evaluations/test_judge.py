import dataclasses
import json

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError, UsageError
from twofold.evaluations import _floors
from twofold.evaluations._judge import judge
from twofold.evaluations._look import Look
from twofold.evaluations._task import make_task
from twofold.evaluations.clusters import Clusters
from twofold.evaluations.few_labels import FewLabels
from twofold.evaluations.geometry import Geometry
from twofold.evaluations.invariance import Invariance
from twofold.evaluations.knn import Knn
from twofold.evaluations.linear import Linear
from twofold.evaluations.local_features import LocalFeatures
from twofold.evaluations.retrieval import Retrieval
from twofold.evaluations.transfer import Transfer
from twofold.nn.encoder import Encoder, public_weights
from twofold.nn.weights import save_encoder

PROTOCOLS = (
    Knn(neighbours=(5,)),
    Linear(strengths=(0.1, 0.01)),
    FewLabels(per_class=(1,), shares=(), draws=3),
)


@pytest.fixture
def data(source):
    return source(train=np.arange(60) % 3, test=np.arange(30) % 3)


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(5)
    path = tmp_path / "a-run" / "encoder.safetensors"
    save_encoder(Encoder("resnet18_w4", size=8), path)
    return path


def test_floors_are_judged_unasked_and_come_first(data, file, engine):
    found = judge([str(file)], data, make_task(data), PROTOCOLS, engine=engine)
    subjects = list(dict.fromkeys(score.subject for score in found.scores))
    assert subjects == ["pixels", "random:resnet18_w4", "a-run/encoder.safetensors"]
    assert found.floors == {
        "a-run/encoder.safetensors": {"pixels": "pixels", "random:resnet18_w4": "random:resnet18_w4"}
    }
    accuracies = [(s.subject, s.evaluation) for s in found.scores if s.metric == "accuracy"]
    assert accuracies == [(one, way) for one in subjects for way in ("knn", "linear", "few_labels")]


def test_each_subject_has_the_floor_that_sees_images_as_it_does(data, tmp_path, engine):
    files = [tmp_path / f"run{size}" / "encoder.safetensors" for size in (8, 12, 8)]
    files[2] = tmp_path / "again" / "encoder.safetensors"
    for file, size in zip(files, (8, 12, 8), strict=True):
        save_encoder(Encoder("resnet18_w4", size=size), file)
    found = judge([*map(str, files)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    first, second, third = (f"{file.parent.name}/{file.name}" for file in files)
    like = f"random:resnet18_w4 (like {second})"
    assert found.floors[first] == found.floors[third] == {n: n for n in ("pixels", "random:resnet18_w4")}
    assert found.floors[second] == {"pixels": "pixels", like: "random:resnet18_w4"}
    views = {score.subject: score.protocol["view"] for score in found.scores}
    assert views["random:resnet18_w4"] == "8x8 pixels"
    assert views[like] == views[second] == "12x12 pixels"


def test_a_subject_is_judged_once_and_two_of_one_name_are_refused(data, file, tmp_path, engine):
    again = file.parent / ".." / "a-run" / file.name
    found = judge([str(file), str(again)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    assert list(found.floors) == ["a-run/encoder.safetensors"]
    other = tmp_path / "elsewhere" / "a-run" / file.name
    save_encoder(Encoder("resnet18_w4", size=8), other)
    with pytest.raises(UsageError, match="so is another one: rename its folder"):
        judge([str(file), str(other)], data, make_task(data), PROTOCOLS[:1], engine=engine)


@pytest.mark.parametrize(
    ("method", "splits", "told"),
    [
        ("supervised", {"train": 60}, True),
        ("supervised", {"train": 60, "val": 30}, False),
        ("simclr", {"train": 60}, False),
    ],
)
def test_who_has_learned_from_the_judged_labels_is_told(
    method, splits, told, source, tmp_path, make_run, engine
):
    labels = {name: np.arange(count) % 3 for name, count in splits.items()}
    data = dataclasses.replace(source(**labels), fingerprint="f1")
    parent = make_run(tmp_path / "parent", "", method={"name": method, "arguments": {}})
    init = str(parent / "encoder.safetensors")
    child = make_run(tmp_path / "child", "", parents={"init": init})
    for run in (parent, child):
        notes = judge([str(run)], data, make_task(data), PROTOCOLS[:1], engine=engine).notes
        assert any("has learned from the labels of the judged images" in note for note in notes) is told


@pytest.mark.parametrize(
    ("fingerprint", "told"),
    [("f1", "has learned from the labels"), ("f2", "may have learned from the labels")],
)
def test_it_is_told_whatever_has_changed_in_the_data_since(
    fingerprint, told, source, tmp_path, make_run, engine
):
    data = dataclasses.replace(source(train=np.arange(60) % 3), fingerprint=fingerprint)
    run = make_run(tmp_path / "run", "", method={"name": "supervised", "arguments": {}})
    (note,) = judge([str(run)], data, make_task(data), PROTOCOLS[:1], engine=engine).notes
    assert note.startswith(f"run {told} of the judged images")


def test_it_is_told_of_a_checkpoint_too(source, tmp_path, make_run, engine):
    run = make_run(tmp_path / "run", "", method={"name": "supervised", "arguments": {}})
    data = source(train=np.arange(60) % 3)
    weights = str(run / "encoder.safetensors")
    (note,) = judge([weights], data, make_task(data), PROTOCOLS[:1], engine=engine).notes
    assert note.startswith("run/encoder.safetensors has learned from the labels")


@pytest.mark.parametrize("finetuned", [True, False])
def test_it_is_told_of_the_encoder_of_a_classifier_that_was_fine_tuned(
    finetuned, data, tmp_path, make_run, engine
):
    """It has learned from all labels that it was given, those of test among them."""
    run = make_run(tmp_path / "run", "")
    classifier = tmp_path / "classifier"
    classifier.mkdir()
    (run / "encoder.safetensors").rename(classifier / "encoder.safetensors")
    (classifier / "classifier.json").write_text(json.dumps({"finetuned": finetuned}))
    notes = judge(
        [str(classifier / "encoder.safetensors")], data, make_task(data), PROTOCOLS[:1], engine=engine
    ).notes
    assert any("classifier that was fine-tuned on all labelled images" in note for note in notes) is finetuned


@pytest.mark.parametrize("fingerprint", ["f1", "f2"])
def test_a_teacher_is_told_whatever_its_student_has_seen(fingerprint, data, tmp_path, make_run, engine):
    data = dataclasses.replace(data, fingerprint=fingerprint)
    run = make_run(tmp_path / "run", "", parents={"teacher": "somewhere"})
    (note,) = judge([str(run)], data, make_task(data), PROTOCOLS[:1], engine=engine).notes
    assert note.startswith("run: its teacher may have been fitted to the judged images")


def test_what_has_to_be_known_of_data_that_is_transferred_to_is_told(
    data, tmp_path, make_run, engine, monkeypatch
):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("twofold.evaluations.transfer.STRENGTHS", (0.1,))
    run = make_run(tmp_path / "run", "", method={"name": "supervised", "arguments": {}})
    for name, labels in (("whole", "0123"), ("flowers", "0123"), ("lacking", "012")):
        sides = {"train": "0123", **({} if name == "whole" else {"test": labels})}
        arrays = {}
        for side, classes in sides.items():
            arrays[f"{side}_labels"] = np.array([int(one) for one in classes * 6])
            arrays[f"{side}_images"] = np.random.default_rng(0).integers(
                0, 255, (len(classes * 6), 8, 8, 3), np.uint8
            )
        np.savez(tmp_path / f"{name}.npz", **arrays)
    names = tuple(str(tmp_path / f"{name}.npz") for name in ("whole", "flowers", "lacking"))
    transfer = Transfer(data=names)
    notes = judge([str(run)], data, make_task(data), [transfer], engine=engine, beside_floors=False).notes
    assert sorted(notes) == sorted(
        [
            "lacking: test has no image of '3'",
            "flowers: the figure is the mean recall of the classes",
            "whole: run may have learned from the labels of the judged images, which is no test: "
            "judge it on a labelled split (test, val) that it has not learned from",
        ]
    )


def test_the_random_floor_is_a_mean_over_networks(data, engine):
    found = judge(["random:resnet18_w4"], data, make_task(data), PROTOCOLS[:1], engine=engine)
    score = next(s for s in found.scores if s.subject.startswith("random:") and s.metric == "accuracy")
    assert len(score.protocol["found"]["values"]) == 3
    assert score.value == pytest.approx(np.mean(score.protocol["found"]["values"]))


def test_images_are_read_once_for_all_evaluations(data, engine):
    judge(["pixels"], data, make_task(data), PROTOCOLS, engine=engine)
    assert [split.reads for split in data.splits.values()] == [1, 1]


def test_the_same_subject_is_judged_once(data, engine):
    found = judge(["pixels", "pixels"], data, make_task(data), PROTOCOLS[:1], engine=engine)
    assert len([s for s in found.scores if s.metric == "accuracy"]) == 1


def test_labels_of_colour_tell_more_than_a_guess(data, engine):
    """The toy's classes differ in brightness: pixels see that, and every protocol tells."""
    found = judge(["pixels"], data, make_task(data), PROTOCOLS, engine=engine)
    assert all(score.value > 0.6 for score in found.scores if score.metric == "accuracy")


def test_gray_data_is_judged_by_a_colour_encoder(source, file, engine):
    data = source(train=np.arange(30) % 3, test=np.arange(15) % 3, channels=1)
    found = judge([str(file)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    assert len({score.subject for score in found.scores}) == 3


@pytest.fixture
def standard(tmp_path):
    path = tmp_path / "a-run" / "encoder.safetensors"
    save_encoder(Encoder("test_resnet", size=8), path)
    return path


def test_public_weights_that_cannot_be_had_are_noted(data, standard, engine, monkeypatch):
    monkeypatch.setattr(_floors, "can_be_had", lambda name: False)
    found = judge([str(standard)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    assert any("public weights of test_resnet were not judged" in note for note in found.notes)
    assert not any(score.subject.startswith("timm:") for score in found.scores)


def test_public_weights_that_would_take_long_are_named_but_not_judged(data, standard, engine, monkeypatch):
    monkeypatch.setattr(_floors, "can_be_had", lambda name: True)
    found = judge([str(standard)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    assert any("name timm:test_resnet to judge them too" in note for note in found.notes)


def test_public_weights_are_judged_where_they_can_be_had(data, standard, engine, monkeypatch):
    monkeypatch.setattr(_floors, "can_be_had", lambda name: True)
    small = public_weights("test_resnet")._replace(size=16)
    monkeypatch.setattr(_floors, "public_weights", lambda name: small)
    public = Encoder("test_resnet", size=16).eval()
    monkeypatch.setattr("twofold.evaluations._subjects.public_encoder", lambda name: public)
    found = judge([str(standard)], data, make_task(data), PROTOCOLS[:1], engine=engine)
    floors = ["pixels", "random:test_resnet", "timm:test_resnet"]
    assert list(found.floors["a-run/encoder.safetensors"]) == floors
    assert any(score.subject == "timm:test_resnet" for score in found.scores)
    assert found.notes == []


def test_labels_that_do_not_fit_a_protocol_stop_it(data, engine):
    with pytest.raises(TwofoldError, match="cannot be drawn"):
        judge(["pixels"], data, make_task(data), [FewLabels(per_class=(50,))], engine=engine)


def test_images_without_labels_are_judged_by_what_needs_none(source, file, engine):
    unlabelled = source(classes=(), train=np.full(40, -1))
    protocols = [Geometry(), Invariance(), LocalFeatures()]
    found = judge([str(file)], unlabelled, make_task(unlabelled, labelled=False), protocols, engine=engine)
    judged = {(score.subject, score.evaluation) for score in found.scores}
    subjects = ("pixels", "random:resnet18_w4", "a-run/encoder.safetensors")
    names = ("geometry", "invariance", "local_features")
    assert judged == {(one, name) for one in subjects for name in names} - {("pixels", "local_features")}
    names = [(one.subject, one.evaluation, one.name) for one in found.artefacts]
    assert len(set(names)) == len(names) == 2 * 3 + 5 * 2
    assert all(np.isfinite([one.value, one.low, one.high]).all() for one in found.scores)


def test_clusters_and_retrieval_judge_every_subject_beside_its_floors(data, file, engine):
    found = judge([str(file)], data, make_task(data), [Clusters(), Retrieval()], engine=engine)
    assert {(score.subject, score.evaluation) for score in found.scores} == {
        (one, name)
        for one in ("pixels", "random:resnet18_w4", "a-run/encoder.safetensors")
        for name in ("clusters", "retrieval")
    }
    assert all(one.low <= one.value <= one.high for one in found.scores)


@pytest.mark.parametrize(
    ("protocols", "sides"),
    [
        ([Invariance(images=4)], []),
        ([Retrieval(), Invariance(images=4)], ["judge"]),
        ([Retrieval(), Knn((1,))], ["fit", "judge"]),
    ],
)
def test_images_whose_features_no_protocol_reads_are_not_embedded(
    protocols, sides, data, engine, monkeypatch
):
    task, embedded, features = make_task(data), [], Look.features

    def watched(look, images, *of, **how):
        embedded.append("fit" if images is task.fit else "judge")
        return features(look, images, *of, **how)

    monkeypatch.setattr(Look, "features", watched)
    found = judge(["random:resnet18_w4"], data, task, protocols, engine=engine, beside_floors=False)
    assert embedded == sides * 3  # three random networks
    assert {score.evaluation for score in found.scores} == {type(p).__name__.lower() for p in protocols}
