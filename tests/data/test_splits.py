"""What is learned from and what is judged on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.source import Source
from twofold.data.splits import held_out, judging_split, pretraining_images

Fill = Callable[..., Path]
Open = Callable[..., Source]


def folder(split: str, count: int = 10) -> list[str]:
    return [f"{split}/{kind}/{n}.png" for kind in ("cat", "dog") for n in range(count)]


def test_pre_training_sees_train_and_unlabelled_without_labels(
    tmp_path: Path, fill: Fill, opened: Open
) -> None:
    source = opened(fill(tmp_path / "data", [*folder("train", 2), "unlabelled/7.png", "val/cat/1.png"]))
    images = pretraining_images(source)
    assert images.labels is None
    assert [path.split("/")[0] for path in images.paths] == ["train"] * 4 + ["unlabelled"]
    batch = images.read(np.array([4, 0, 4, 3]))
    assert isinstance(batch, torch.Tensor)
    assert torch.equal(batch[0], source.splits["unlabelled"].read(np.array([0]))[0])
    assert torch.equal(batch[3], source.splits["train"].read(np.array([3]))[0])
    assert len(images) == len(images.sizes) == 5


def test_splits_of_different_sizes_are_joined_as_a_list(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", ["train/1.png", "train/2.png"])
    source = opened(fill(root, ["unlabelled/3.png"], height=30, width=20))
    batch = pretraining_images(source).read(np.array([2, 0]))
    assert isinstance(batch, list)
    assert [tuple(image.shape) for image in batch] == [(30, 20, 3), (24, 32, 3)]
    assert isinstance(pretraining_images(source).read(np.array([0, 1])), list)


def test_nothing_to_learn_from_is_told(tmp_path: Path, fill: Fill, opened: Open) -> None:
    with pytest.raises(TwofoldError, match="neither a train nor an unlabelled split, only test"):
        pretraining_images(opened(fill(tmp_path / "data", ["test/1.png"])))


@pytest.mark.parametrize(
    ("splits", "fit", "judge"),
    [
        (("train", "val", "test"), "train", "test"),
        (("train", "val"), "train", "val"),
        (("val", "test"), "val", "test"),
    ],
)
def test_fitted_on_train_and_judged_on_test_else_val(
    splits: tuple[str, ...], fit: str, judge: str, tmp_path: Path, fill: Fill, opened: Open
) -> None:
    source = opened(fill(tmp_path / "data", [path for split in splits for path in folder(split, 2)]))
    name, images, other, others, how = judging_split(source)
    assert (name, other) == (fit, judge)
    assert {path.split("/")[0] for path in images.paths} == {fit}
    assert {path.split("/")[0] for path in others.paths} == {judge}
    assert how == f"fitted on {fit}, judged on {judge}"


def test_a_test_split_without_labels_is_passed_over(tmp_path: Path, fill: Fill, opened: Open) -> None:
    source = opened(fill(tmp_path / "data", [*folder("train", 2), *folder("val", 2), "test/1.png"]))
    assert judging_split(source)[2] == "val"


def test_else_a_stratified_seeded_fifth_is_held_out(tmp_path: Path, fill: Fill, opened: Open) -> None:
    source = opened(fill(tmp_path / "data", folder("all")))
    _, fit, judge, held, how = judging_split(source)
    assert judge == "train (held out)"
    assert np.bincount(held.labels).tolist() == [2, 2]
    assert np.bincount(fit.labels).tolist() == [8, 8]
    assert not {*fit.paths} & {*held.paths}
    assert "held-out fifth (stratified by class, seed 0)" in how
    assert list(judging_split(source)[3].paths) == list(held.paths)
    assert list(judging_split(source, seed=1)[3].paths) != list(held.paths)


def test_only_labelled_images_take_part(tmp_path: Path, fill: Fill, opened: Open) -> None:
    root = fill(tmp_path / "data", [f"{n}.png" for n in range(20)])
    table = tmp_path / "labels.csv"
    table.write_text("".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(10)))
    _, fit, _, held, _ = judging_split(opened(root, labels=str(table)))
    assert len(fit) == 8
    assert len(held) == 2
    assert min(*fit.labels, *held.labels) == 0


def test_without_labels_the_error_says_how_to_give_some(tmp_path: Path, fill: Fill, opened: Open) -> None:
    with pytest.raises(TwofoldError, match=r"one folder a class, or give --labels FILE\.csv"):
        judging_split(opened(fill(tmp_path / "data", ["1.png"])))


@pytest.fixture
def scenes(tmp_path: Path, fill: Fill) -> Path:
    paths = [f"{kind}/scene{s}_{n}.png" for kind in ("cat", "dog") for s in range(10) for n in range(3)]
    return fill(tmp_path / "data", paths)


def test_a_pattern_keeps_groups_on_one_side(scenes: Path, opened: Open) -> None:
    _, fit, _, held, how = judging_split(opened(scenes), group_by=r"(scene\d+)")
    groups = [{path.split("/")[1].split("_")[0] for path in part.paths} for part in (fit, held)]
    assert not groups[0] & groups[1]
    assert len(groups[1]) == 2
    assert np.bincount(held.labels).tolist() == [6, 6]
    assert "groups by '(scene\\d+)' kept whole" in how


def test_a_column_keeps_groups_on_one_side(scenes: Path, opened: Open, tmp_path: Path) -> None:
    source = opened(scenes)
    paths = list(source.splits["train"].paths)
    table = tmp_path / "labels.csv"
    lines = [f"{path},{path.split('/')[0]},p{number // 6}" for number, path in enumerate(paths)]
    table.write_text("\n".join(["path,label,the patient", *lines]))
    _, fit, _, held, _ = judging_split(opened(scenes, labels=str(table)), group_by="the patient", table=table)
    patient = {path: f"p{number // 6}" for number, path in enumerate(paths)}
    assert not {patient[path] for path in fit.paths} & {patient[path] for path in held.paths}
    assert len(held) == 12


@pytest.mark.parametrize("pattern", ["(", "scene", "(nowhere)"])
def test_a_pattern_that_names_no_group_is_a_misuse(pattern: str, scenes: Path, opened: Open) -> None:
    with pytest.raises(UsageError, match="--group-by"):
        judging_split(opened(scenes), group_by=pattern)


@pytest.mark.parametrize("seed", range(5))
def test_the_held_out_fifth_is_a_fifth_of_each_class(seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [100, 20, 5]))
    assert np.bincount(labels[held_out(labels, None, seed)]).tolist() == [20, 4, 1]


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(TwofoldError, match="only one labelled group"):
        held_out(np.zeros(5, np.int64), ["same"] * 5, 0)
    with pytest.raises(TwofoldError, match="only one labelled image"):
        held_out(np.zeros(1, np.int64), None, 0)


def test_two_large_groups_are_divided_all_the_same() -> None:
    held = held_out(np.zeros(10, np.int64), ["a"] * 6 + ["b"] * 4, 0)
    assert held.tolist() == [False] * 6 + [True] * 4
