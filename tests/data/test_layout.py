"""What the names of folders say."""

import pytest

from twofold.data.layout import images_among, inner_splits, splits_of


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
        ("train2017", "train"),
        ("Val_2017", "val"),
        ("unlabeled2017", "unlabelled"),
        ("test_images", "test"),
        ("images-val", "val"),
        ("testImages", "test"),
        ("Test Set (2)", "test"),
        ("labelled", "train"),
    ],
)
@pytest.mark.parametrize("around", ["", "cifar10/", "a/b/"])
def test_top_folders_are_splits_also_below_wrapping_folders(folder: str, split: str, around: str) -> None:
    paths = [f"{around}{folder}/cat/1.jpg", f"{around}train/dog/2.jpg"]
    assert splits_of(paths)[0] == [split, "train"]


@pytest.mark.parametrize(
    "name", ["bullet train", "train_val", "traincar", "test\u706b\u8f66", "training shoes", "images", "2017"]
)
def test_other_words_make_a_folder_no_split(name: str) -> None:
    assert splits_of([f"{name}/1.jpg", "test/2.jpg"])[0] == ["train", "test"]


def test_labelled_is_train_beside_other_splits_only() -> None:
    assert splits_of(["labeled/cat/1.jpg", "unlabeled/2.jpg"]) == (["train", "unlabelled"], [["cat"], []])
    assert splits_of(["labeled/1.jpg", "raw/2.jpg"]) == (["train"] * 2, [["labeled"], ["raw"]])


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


@pytest.mark.parametrize(
    "name", ["masks", "labels", "annotations", "SegmentationClass", "ground_truth", "gt"]
)
@pytest.mark.parametrize("inner", ["", "train/"])
def test_annotations_need_no_names_of_photographs_where_these_lie_beside(name: str, inner: str) -> None:
    paths = [f"data/images/{inner}1.jpg", f"data/{name}/{inner}1_mask.png"]
    assert images_among(paths)[0] == [0]


def test_annotations_of_a_split_beside_it() -> None:
    assert images_among(["train/1.jpg", "train_masks/1_mask.png", "test/2.jpg"])[0] == [0, 2]
    assert images_among(["1.jpg", "masks/1.png"])[0] == [0]
    assert images_among(["train/face/1.jpg", "train/face_mask/2.jpg"])[0] == [0, 1]


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
