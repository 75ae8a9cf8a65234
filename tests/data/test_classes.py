"""Which folders are classes."""

import pytest

from twofold.data.classes import Beside, class_folders, fold_folders
from twofold.data.layout import splits_of


def classes_of(paths: list[str]) -> list[str]:
    return class_folders(*splits_of(paths))[0]


def test_the_first_folders_that_differ_are_the_classes() -> None:
    assert classes_of(["cat/1.jpg", "dog/2.jpg"]) == ["cat", "dog"]
    assert classes_of(["photos/cat/1.jpg", "photos/dog/2.jpg"]) == ["cat", "dog"]
    assert classes_of(["train/images/cat/a/1.jpg", "val/images/dog/b/2.jpg"]) == ["cat", "dog"]


def test_a_lone_folder_of_images_is_no_class() -> None:
    assert classes_of(["BCCD/JPEGImages/1.jpg", "BCCD/JPEGImages/2.jpg"]) == ["", ""]
    assert classes_of(["train/images/1.jpg", "val/images/2.jpg"]) == ["", ""]


def test_many_images_beside_class_folders_mean_no_classes() -> None:
    names, beside = class_folders(*splits_of(["cat/1.jpg", "dog/2.jpg", "3.jpg"]))
    assert names == ["", "", ""]
    assert beside == [Beside("train", [2], ["cat", "dog"], 3, False)]


@pytest.mark.parametrize("around", ["", "train/", "data/photos/"])
def test_a_few_images_beside_class_folders_have_none(around: str) -> None:
    paths = [f"{around}{kind}/{n}.jpg" for kind in ("cat", "dog") for n in range(5)]
    strays = [f"{around}logo.png"] if around != "data/photos/" else ["logo.png"]
    names, beside = class_folders(*splits_of([*paths, *strays, "test/1.jpg"]))
    assert names == ["cat"] * 5 + ["dog"] * 5 + ["", ""]
    assert [(one.split, one.rows, one.are_classes) for one in beside] == [("train", [10], True)]


def test_a_flat_split_is_no_stray() -> None:
    paths = ["train/images/cat/1.jpg", "train/images/dog/2.jpg", "test/images/3.jpg"]
    assert class_folders(*splits_of(paths)) == (["cat", "dog", ""], [])


@pytest.mark.parametrize(
    ("one", "other"), [("fold1", "fold2"), ("Fold_01", "Fold_02"), ("k-fold 1", "2fold")]
)
@pytest.mark.parametrize("split", ["", "train/"])
def test_folds_are_no_classes(one: str, other: str, split: str) -> None:
    names = [f"{split}{fold}/{kind}/1.jpg" for fold in (one, other) for kind in ("cat", "dog")]
    splits, folders = splits_of([*names, "test/cat/1.jpg"])
    assert class_folders(splits, folders) == (["cat", "dog", "cat", "dog", "cat"], [])
    assert fold_folders(splits, folders) == {"train": sorted([one, other])}
    assert classes_of([f"{split}{fold}/1.jpg" for fold in (one, other)]) == ["", ""]


def test_folds_with_splits_in_them_name_no_classes_but_what_is_below() -> None:
    paths = [f"fold{n}/{split}/{kind}/1.jpg" for n in "12" for split in ("train", "test") for kind in "ab"]
    assert classes_of(paths) == ["a", "b"] * 4


def test_a_folder_called_fold_among_others_is_a_class() -> None:
    assert classes_of(["fold1/1.jpg", "crease/2.jpg"]) == ["fold1", "crease"]


def test_a_flat_test_folder_takes_no_classes_from_train() -> None:
    paths = ["train/cat/1.jpg", "train/dog/2.jpg", "test/3.jpg"]
    assert classes_of(paths) == ["cat", "dog", ""]


def test_folders_of_unlabelled_images_are_no_classes() -> None:
    paths = ["train/cat/1.jpg", "train/dog/2.jpg", "unlabelled/cat/3.jpg", "unlabelled/4.jpg"]
    assert classes_of(paths) == ["cat", "dog", "", ""]


def test_strays_lose_only_their_own_class_where_folders_are_demanded() -> None:
    paths = ["cat/1.jpg", "dog/2.jpg", "3.jpg"]
    names, beside = class_folders(*splits_of(paths), demanded=True)
    assert names == ["cat", "dog", ""]
    assert beside == [Beside("train", [2], ["cat", "dog"], 3, True)]
