"""What the names of folders say."""

import pytest

from twofold.data.layout import class_folders, images_among, inner_splits, splits_of


def classes_of(paths: list[str]) -> list[str]:
    return class_folders(*splits_of(paths))


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("test", "test"),
        ("unlabelled", "unlabelled"),
        ("unlabeled", "unlabelled"),
        ("unsup", "unlabelled"),
    ],
)
@pytest.mark.parametrize("around", ["", "cifar10/", "a/b/"])
def test_top_folders_are_splits_also_below_wrapping_folders(folder: str, split: str, around: str) -> None:
    paths = [f"{around}{folder}/cat/1.jpg", f"{around}train/dog/2.jpg"]
    assert splits_of(paths)[0] == [split, "train"]


def test_a_lone_split_folder_is_a_split_not_a_wrapping() -> None:
    assert splits_of(["data/test/a/1.jpg", "data/test/b/2.jpg"])[0] == ["test", "test"]


def test_without_split_folders_everything_is_train() -> None:
    assert splits_of(["cat/1.jpg", "dog/2.jpg"])[0] == ["train", "train"]


def test_class_folders_beside_a_split_folder_are_train() -> None:
    assert splits_of(["cat/1.jpg", "dog/2.jpg", "test/cat/3.jpg"])[0] == ["train", "train", "test"]


def test_what_lies_outside_of_the_splits_of_a_train_folder_is_in_none() -> None:
    assert splits_of(["train/cat/1.jpg", "logo.png"])[0] == ["train", ""]


@pytest.mark.parametrize("around", ["", "pets/"])
def test_a_few_images_above_the_folder_of_the_splits_hide_no_split(around: str) -> None:
    paths = [f"{around}{path}" for path in ("README.png", "data/train/cat/1.jpg", "data/test/cat/2.jpg")]
    assert splits_of(paths) == (["", "train", "test"], [[], ["cat"], ["cat"]])
    assert splits_of([paths[0], f"{around}data/cat/1.jpg", paths[2]])[0] == ["", "train", "test"]


def test_many_images_beside_a_folder_of_splits_are_the_data() -> None:
    assert splits_of(["1.jpg", "2.jpg", "old/train/3.jpg", "old/test/4.jpg"])[0] == ["train"] * 4


def test_folders_called_like_splits_below_classes_are_noticed() -> None:
    paths = ["cat/Train/1.jpg", "cat/test/2.jpg", "dog/Train/3.jpg"]
    assert inner_splits(splits_of(paths)[1]) == ["Train", "test"]
    assert inner_splits(splits_of(["train/train/1.jpg", "train/car/2.jpg", "test/train/3.jpg"])[1]) == []


def test_the_first_folders_that_differ_are_the_classes() -> None:
    assert classes_of(["cat/1.jpg", "dog/2.jpg"]) == ["cat", "dog"]
    assert classes_of(["photos/cat/1.jpg", "photos/dog/2.jpg"]) == ["cat", "dog"]
    assert classes_of(["train/images/cat/a/1.jpg", "val/images/dog/b/2.jpg"]) == ["cat", "dog"]


def test_a_lone_folder_of_images_is_no_class() -> None:
    assert classes_of(["BCCD/JPEGImages/1.jpg", "BCCD/JPEGImages/2.jpg"]) == ["", ""]
    assert classes_of(["train/images/1.jpg", "val/images/2.jpg"]) == ["", ""]


def test_images_directly_in_the_root_mean_no_classes() -> None:
    assert classes_of(["cat/1.jpg", "dog/2.jpg", "3.jpg"]) == ["", "", ""]


def test_a_flat_test_folder_takes_no_classes_from_train() -> None:
    paths = ["train/cat/1.jpg", "train/dog/2.jpg", "test/3.jpg"]
    assert classes_of(paths) == ["cat", "dog", ""]


def test_folders_of_unlabelled_images_are_no_classes() -> None:
    paths = ["train/cat/1.jpg", "train/dog/2.jpg", "unlabelled/cat/3.jpg", "unlabelled/4.jpg"]
    assert classes_of(paths) == ["cat", "dog", "", ""]


def test_strays_lose_only_their_own_class_where_folders_are_demanded() -> None:
    paths = ["cat/1.jpg", "dog/2.jpg", "3.jpg"]
    assert class_folders(*splits_of(paths), allow_strays=True) == ["cat", "dog", ""]


def test_only_image_files_are_images() -> None:
    paths = ["a.jpg", "a.xml", "b.TIFF", "LICENSE", "c.tar.gz"]
    images, others = images_among(paths)
    assert [paths[i] for i in images] == ["a.jpg", "b.TIFF", "LICENSE"]
    assert others == [("a.xml", "not an image"), ("c.tar.gz", "not an image")]


def test_masks_beside_photographs_are_annotations() -> None:
    paths = ["train/images/1.jpg", "train/images/2.jpg", "train/masks/1.png", "train/masks/2.png"]
    images, others = images_among(paths)
    assert images == [0, 1]
    assert [path for path, _ in others] == paths[2:]


def test_a_class_called_labels_stays_a_class() -> None:
    assert images_among(["labels/a.jpg", "boxes/b.jpg"])[0] == [0, 1]
    paths = ["labels/1.jpg", "labels/a.jpg", "labels/b.jpg", "boxes/1.jpg"]
    assert images_among(paths)[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["mask", "Label"])
def test_a_class_called_mask_or_label_whose_images_are_numbered_like_others_stays_a_class(name: str) -> None:
    paths = [f"train/{kind}/{n}.jpg" for kind in (name, f"no_{name}") for n in range(3)]
    assert images_among(paths) == ([*range(6)], [])


@pytest.mark.parametrize("beside", ["scans/0.jpg", "images/0.png", "a/RGB/0.png"])
def test_a_folder_called_mask_holds_annotations_of_photographs(beside: str) -> None:
    images, others = images_among(["mask/0.png", beside])
    assert images == [1]
    assert [path for path, _ in others] == ["mask/0.png"]
