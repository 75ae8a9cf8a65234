"""Annotations in the layout of Pascal VOC."""

import zipfile

import pytest

from twofold.core.errors import TwofoldError
from twofold.data.voc import find_voc

OBJECT = "<object><name>{}</name><difficult>{}</difficult></object>"


def write(folder, images, lists):
    """Annotations and lists; images are names with their objects as (class, difficult)."""
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for image, objects in images.items():
        inner = "".join(OBJECT.format(*one) for one in objects)
        (folder / "Annotations" / f"{image}.xml").write_text(f"<annotation>{inner}</annotation>")
    for name, listed in lists.items():
        (folder / "ImageSets/Main" / f"{name}.txt").write_text("".join(f"{image}\n" for image in listed))


@pytest.fixture
def voc(tmp_path):
    folder = tmp_path / "devkit" / "VOC2007"
    images = {"a": [("dog", 0), ("dog", 1), ("cat", 1)], "b": [("cat", 0)], "c": []}
    write(
        folder, images, {"train": ["a", "b"], "trainval": ["a", "b", "c"], "test": ["c"], "dog_train": ["a"]}
    )
    return folder


def test_an_image_shows_a_class_unless_all_of_it_is_difficult(voc):
    found = find_voc(str(voc))
    assert found.classes == ("cat", "dog")
    assert found.splits == {"train": ("a", "b"), "test": ("c",)}
    assert found.shown(["b", "a", "c"]).tolist() == [[1, 0], [-1, 1], [0, 0]]


def test_it_may_lie_one_level_below_and_in_a_zip_file(voc, tmp_path):
    archive = tmp_path / "voc.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in voc.rglob("*.*"):
            file.write(path, path.relative_to(voc.parent))
    assert find_voc(str(voc.parent)) == find_voc(str(archive)) == find_voc(str(voc))


def test_trainval_is_what_is_learned_from_where_there_is_no_train(voc):
    (voc / "ImageSets/Main/train.txt").unlink()
    assert find_voc(str(voc)).splits["train"] == ("a", "b", "c")


def test_other_data_has_none(tmp_path):
    (tmp_path / "ImageSets").mkdir()
    assert find_voc(str(tmp_path)) is None
    assert find_voc("cifar10") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "missing"),
        ("<annotation>", "cannot be read"),
        ("<annotation><object/></annotation>", "no name"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', "cannot be read"),
        (
            "<!DOCTYPE a ["
            + "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 20}">' for n in range(12))
            + '<!ENTITY e0 "ha">]><a>&e12;</a>',
            "cannot be read",
        ),
        (" " * (16 << 20) + "<a/>", "refused"),
    ],
)
def test_a_bad_annotation_is_a_sentence(voc, text, told):
    file = voc / "Annotations/a.xml"
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(TwofoldError, match=told):
        find_voc(str(voc))
