"""Labels from a CSV file."""

import unicodedata
from pathlib import Path

import pytest

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.labels import Labels, numbered
from twofold.data.labels import from_csv as from_csv_with_splits
from twofold.data.screen import Screen
from twofold.data.table import read_table

PATHS = ["a/cats/1.jpg", "a/cats/2.jpg", "a/dogs/3.jpg", "a/dogs/2.jpg"]
SILENT = Screen(False)


def from_csv(file: Path, paths: list[str], screen: Screen, root: str = "") -> Labels:
    return from_csv_with_splits(file, paths, ["train"] * len(paths), screen, root)[:2]


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "a/cats/1.jpg,cat\na/dogs/3.jpg,dog\n",
        "path,label\na/cats/1.jpg,cat\na/dogs/3.jpg,dog\n",
        "label,path\ncat,a/cats/1.jpg\ndog,a/dogs/3.jpg\n",
        "file,kind\ncats/1.jpg,cat\ndogs/3.jpg,dog\n",
        "\ufeffpath,label\n1.jpg,cat\n3.jpg,dog\n",
        "id,label\n1,cat\n3,dog\n",
        ",filepath,label\n3,a/cats/1.jpg,cat\n1,a/dogs/3.jpg,dog\n",
        "file_path,site,category\na/cats/1.jpg,x,cat\na/dogs/3.jpg,y,dog\n",
        "./a/cats/1.jpg, cat\n\na\\dogs\\3.jpg,dog\n",
        'path,label\n"a/cats/1.jpg","cat"\n"a/dogs/3.jpg","dog"\n',
    ],
)
def test_images_are_named_by_path_or_by_file_name(text: str, table) -> None:
    classes, labels = from_csv(table(text), PATHS, SILENT)
    assert classes == ("cat", "dog")
    assert labels.tolist() == [0, -1, 1, -1]


@pytest.mark.parametrize(("one", "other"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_written_in_either_way(one: str, other: str, table) -> None:
    paths = [unicodedata.normalize(one, f"bär/é{n}.jpg") for n in (1, 2)]
    text = unicodedata.normalize(other, "bär/é1.jpg,brown\né2.jpg,black\n")
    assert from_csv(table(text), paths, SILENT)[1].tolist() == [1, 0]


def test_an_empty_label_is_none(table) -> None:
    assert from_csv(table("1.jpg,\n3.jpg,dog\n"), PATHS, SILENT)[1].tolist() == [-1, -1, 0, -1]


def test_a_file_name_that_two_images_have_is_refused(table) -> None:
    with pytest.raises(TwofoldError, match=r"'2\.jpg' could mean several images"):
        from_csv(table("2.jpg,cat\n"), PATHS, SILENT)


def test_two_labels_for_one_image_are_refused(table) -> None:
    with pytest.raises(TwofoldError, match="both 'cat' and 'dog'"):
        from_csv(table("1.jpg,cat\na/cats/1.jpg,dog\n"), PATHS, SILENT)


def test_a_table_of_other_images_is_refused(table) -> None:
    with pytest.raises(TwofoldError, match=r"names none of the images, as 'x\.jpg'"):
        from_csv(table("path,label\nx.jpg,cat\n"), PATHS, SILENT)


def test_lines_of_other_images_are_counted(table, capsys: pytest.CaptureFixture[str]) -> None:
    from_csv(table("1.jpg,cat\nx.jpg,cat\ny.jpg,dog\n"), PATHS, Screen())
    assert "2 lines name no image of the data, the first is 'x.jpg'" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "message"), [("", "is empty"), ("1.jpg\n", "too few columns")])
def test_a_table_that_is_none_is_told(text: str, message: str, table) -> None:
    with pytest.raises(TwofoldError, match=message):
        from_csv(table(text), PATHS, SILENT)


def test_a_missing_table_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        from_csv(tmp_path / "folder", PATHS, SILENT)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(TwofoldError, match="not UTF-8"):
        from_csv(path, PATHS, SILENT)


def test_whole_numbers_are_ordered_by_value() -> None:
    assert numbered(["10", "9", "", "9"])[0] == ("9", "10")
    assert numbered(["10", "9", "x"])[0] == ("10", "9", "x")


def test_another_column_can_be_read(table) -> None:
    path = table("path,label,patient\n1.jpg,cat,p7\n3.jpg,dog,p8\n")
    assert read_table(path, PATHS).column("patient") == {0: "p7", 2: "p8"}
    with pytest.raises(UsageError, match="no column 'ward'; its header is: path, label, patient"):
        read_table(path, PATHS).column("ward")


@pytest.mark.parametrize("column", ["split", "Set", "subset"])
def test_a_column_of_splits_is_used_and_images_without_one_keep_theirs(column: str, table) -> None:
    path = table(f"path,label,{column}\na/cats/1.jpg,cat,Test\na/cats/2.jpg,cat,valid\na/dogs/3.jpg,dog,\n")
    _, labels, splits = from_csv_with_splits(path, PATHS, ["train", "train", "test", ""], SILENT)
    assert splits == ["test", "val", "test", ""]
    assert labels.tolist() == [0, 0, 1, -1]


def test_a_column_of_splits_that_are_none_is_refused(table) -> None:
    with pytest.raises(TwofoldError, match="its column 'split' says 'north', which is none of train, val"):
        from_csv(table("path,label,split\n1.jpg,cat,train\n3.jpg,dog,north\n"), PATHS, SILENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,where,kind\n1.jpg,x,cat\n",
            "columns path, where, kind is called as the label is: label, class",
        ),
        ("shot,label,kind\n1.jpg,cat,x\n", "columns shot, label, kind is called as the path is: path, file"),
        ("path,split\n1.jpg,train\n", "columns path, split is called as the label is"),
        ("1.jpg,cat,train\n3.jpg,dog,test\n", "has 3 columns and no header"),
    ],
)
def test_columns_that_cannot_be_told_are_refused(text: str, message: str, table) -> None:
    with pytest.raises(UsageError, match=message):
        from_csv(table(text), PATHS, SILENT)


def test_absolute_paths_below_the_data_are_read(table, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "link").symlink_to(root)
    text = f"path,label\n{root}/a/cats/1.jpg,cat\n{tmp_path}/link/a/dogs/3.jpg,dog\n/else/a/cats/2.jpg,cat\n"
    assert from_csv(table(text), PATHS, SILENT, str(root))[1].tolist() == [0, -1, 1, -1]
    flat = table(f"{root}/1.jpg,cat\n{root}\\2.jpg,dog\n")
    assert from_csv(flat, ["1.jpg", "2.jpg"], SILENT, str(root))[1].tolist() == [0, 1]
    with pytest.raises(TwofoldError, match="names none of the images"):
        from_csv(table("/else/1.jpg,cat\n"), ["1.jpg"], SILENT, str(root))
