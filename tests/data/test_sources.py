"""Arrays, Hugging Face data sets, sets by name, and what is none of them."""

import gzip
import io
import json
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.core import registry
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.source import Source
from twofold.data import archives, downloads, open_source

Open = Callable[..., Source]
NAMED = (
    *("cifar10", "cifar100", "stl10", "mnist", "fashion_mnist", "kmnist", "svhn", "imagenette"),
    *("food101", "flowers102", "oxford_pets", "dtd", "eurosat", "country211"),
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of named data sets, without a network to fill it."""

    def unreachable(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("TWOFOLD_DATA", str(tmp_path / "sets"))
    monkeypatch.setattr(downloads, "_download", unreachable)
    (tmp_path / "sets").mkdir()
    return tmp_path / "sets"


def photographs(count: int = 6, side: int = 8, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def train(source: Source, split: str = "train") -> torch.Tensor:
    images = source.splits[split]
    pixels = images.read(np.arange(len(images)))
    assert isinstance(pixels, torch.Tensor)
    return pixels


@pytest.mark.parametrize(
    "array",
    [photographs(), photographs().transpose(0, 3, 1, 2), photographs().astype(np.int64)],
    ids=["n h w c", "n c h w", "wide"],
)
def test_npy_in_any_usual_shape(array: np.ndarray, tmp_path: Path, opened: Open) -> None:
    np.save(tmp_path / "data.npy", array)
    assert np.array_equal(train(opened(tmp_path / "data.npy")), photographs())


def test_npy_of_gray_and_deep_images(tmp_path: Path, opened: Open) -> None:
    np.save(tmp_path / "gray.npy", photographs(channels=1)[..., 0])
    assert opened(tmp_path / "gray.npy").channels == 1
    values = np.linspace(0, 1, 2 * 8 * 8).reshape(2, 8, 8)
    np.save(tmp_path / "deep.npy", values)
    got = train(opened(tmp_path / "deep.npy"))
    assert np.array_equal(got[..., 0], np.rint(values.astype(np.float32) * 255))


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainImages", "trainLabels", "testImages", "testLabels"),
        ("XTrain", "YTrain", "XTest", "YTest"),
    ],
)
def test_npz_names_say_splits_and_labels(names: tuple[str, ...], tmp_path: Path, opened: Open) -> None:
    labels = np.array([3, 3, 7, 7, 10, -1])
    arrays = (photographs(), labels, photographs(2), labels[:2, None])
    np.savez(tmp_path / "data.npz", **dict(zip(names, arrays, strict=True)))
    source = opened(tmp_path / "data.npz")
    assert source.classes == ("3", "7", "10")
    assert source.splits["train"].labels.tolist() == [0, 0, 1, 1, 2, -1]
    assert source.splits["test"].labels.tolist() == [0, 0]
    assert opened(tmp_path / "data.npz", labels="none").classes == ()
    with pytest.raises(UsageError, match="has no folders"):
        opened(tmp_path / "data.npz", labels="folders")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights": np.zeros(5)}, r"holds no images .* weights \(5,\)"),
        ({"images": photographs(), "labels": np.zeros(5)}, "6 images but 5 labels"),
        ({"images": np.array([None, "x"], object)}, "cannot be read as a numpy file"),
    ],
)
def test_npz_without_usable_images_is_told(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path, opened: Open
) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(TwofoldError, match=message):
        opened(tmp_path / "data.npz")


def test_masks_in_an_npz_are_no_images(tmp_path: Path, opened: Open) -> None:
    masks = np.zeros((6, 8, 8), np.uint8)
    np.savez(tmp_path / "data.npz", masks=masks, gt_scans=masks, scans=photographs())
    source = opened(tmp_path / "data.npz")
    assert np.array_equal(train(source), photographs())
    assert {name for name, _ in source.skipped} == {"masks", "gt_scans"}


def test_arrays_of_which_any_could_be_meant_are_told_apart_by_the_usual_name_or_refused(
    tmp_path: Path, opened: Open
) -> None:
    path = tmp_path / "data.npz"
    fine, coarse, depth = np.arange(6), np.arange(6) // 3, np.zeros((6, 8, 8), np.uint8)
    np.savez(path, depth=depth, train_images=photographs(), coarse_labels=coarse, y_train=fine)
    source = opened(path)
    assert np.array_equal(train(source), photographs())
    assert len(source.classes) == 6
    np.savez(path, depth=depth, images=photographs(), coarse_labels=coarse, fine_labels=fine)
    with pytest.raises(TwofoldError, match=r"coarse_labels or fine_labels .* call one labels or y"):
        opened(path)
    np.savez(path, depth=depth, scans=photographs())
    with pytest.raises(TwofoldError, match=r"depth or scans .* call one data or images or x"):
        opened(path)


def test_labels_that_are_bytes_are_texts(tmp_path: Path, opened: Open) -> None:
    np.savez(tmp_path / "data.npz", images=photographs(), labels=np.array([b"cat", "bär".encode()] * 3))
    assert opened(tmp_path / "data.npz").classes == ("bär", "cat")


def test_a_label_that_is_no_number_is_no_label(tmp_path: Path, opened: Open) -> None:
    labels = np.array([0.0, 1.0, np.nan, -1.0, 1.0, 0.0])
    np.savez(tmp_path / "data.npz", images=photographs(), labels=labels)
    source = opened(tmp_path / "data.npz")
    assert source.classes == ("0", "1")
    assert source.splits["train"].labels.tolist() == [0, 1, -1, -1, 1, 0]


def test_labels_that_are_no_classes_are_told(tmp_path: Path, opened: Open) -> None:
    np.savez(tmp_path / "data.npz", images=photographs(), labels=np.linspace(0, 1, 6))
    with pytest.raises(TwofoldError, match="no whole numbers"):
        opened(tmp_path / "data.npz")


@pytest.mark.parametrize("name", ["data.npy", "data.npz"])
def test_a_numpy_file_that_is_none_is_told(name: str, tmp_path: Path, opened: Open) -> None:
    (tmp_path / name).write_bytes(b"nothing of that kind")
    with pytest.raises(TwofoldError, match="cannot be read as a numpy file"):
        opened(tmp_path / name)


@pytest.mark.parametrize(
    "shape", ["(1, 1099511627776, 16, 3)", "(4611686018427387904, 16, 16, 3)", "(-1, 16, 16)"]
)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_header_that_promises_more_than_there_is(
    shape: str, kind: str, tmp_path: Path, opened: Open
) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    content = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + bytes(768)
    path = tmp_path / f"images.{kind}"
    if kind == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("images.npy", content)
    with pytest.raises(TwofoldError, match="cannot be read as a numpy file"):
        opened(path)


def test_arrays_that_unpack_like_a_bomb_are_refused(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_SMALL", 50_000)
    path = tmp_path / "images.npz"
    np.savez_compressed(path, images=np.zeros((10, 300, 300), np.uint8))
    with pytest.raises(TwofoldError, match="decompression bomb"):
        opened(path)


@pytest.mark.filterwarnings("ignore")
def test_a_saved_hugging_face_data_set_keeps_files_splits_and_names(tmp_path: Path, opened: Open) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(picture=datasets.Image(), kind=datasets.ClassLabel(names=["zebra", "ape"]))
    pixels = photographs()

    def table(rows: range) -> object:
        files = []
        for row in rows:
            buffer = io.BytesIO()
            Image.fromarray(pixels[row]).save(buffer, "PNG")
            files.append({"bytes": buffer.getvalue(), "path": None})
        return datasets.Dataset.from_dict(
            {"picture": files, "kind": [row % 2 for row in rows]}, features=features
        )

    splits = {"train": table(range(4)), "validation": table(range(4, 6))}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    source = opened(tmp_path / "saved")
    assert np.array_equal(train(source), pixels[:4])
    assert source.classes == ("ape", "zebra")
    assert source.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert len(source.splits["val"]) == 2
    assert opened(tmp_path / "saved").fingerprint == source.fingerprint


def test_a_missing_extra_is_one_clear_line(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UsageError, match=r"pip install 'twofold\[huggingface\]'"):
        opened("somebody/some-set")


def test_the_nearest_name_is_offered(opened: Open) -> None:
    with pytest.raises(UsageError, match="did you mean 'cifar10'"):
        opened("cifra10")


@pytest.mark.parametrize("kind", ["folder", "archive", "arrays"])
def test_a_kind_is_no_name(kind: str, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no"):
        opened(kind)


def test_a_misspelt_path_is_not_taken_for_a_hugging_face_id(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no file, folder or data set"):
        opened("photos/ctas")


def test_a_file_of_another_kind_is_told(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match=r"neither a folder, a zip or tar archive, nor an \.npy"):
        opened(tmp_path / "notes.txt")


def test_a_path_wins_over_a_name(
    opened: Open, tmp_path: Path, root: Path, fill: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "mnist", ["1.png"])
    monkeypatch.chdir(tmp_path)
    assert list(opened("mnist").splits["train"].paths) == ["1.png"]


@pytest.mark.parametrize("name", NAMED)
def test_without_a_network_the_error_says_which_file_to_put_where(
    name: str, root: Path, opened: Open
) -> None:
    with pytest.raises(TwofoldError, match=f"{name} is not in .*sets and could not be downloaded") as told:
        opened(name)
    assert "; put " in str(told.value)
    assert "TWOFOLD_DATA" in str(told.value)


def test_all_sets_of_the_manual_are_there() -> None:
    assert set(NAMED) <= set(registry.names("data"))


def test_a_failed_download_leaves_no_folders(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision.datasets

    def fail(folder: str, download: bool) -> None:
        (Path(folder) / "dtd").mkdir()
        raise OSError("no network")

    monkeypatch.setenv("TWOFOLD_DATA", str(tmp_path / "sets"))
    monkeypatch.setattr(torchvision.datasets, "DTD", fail)
    with pytest.raises(TwofoldError, match="no network"):
        opened("dtd")
    assert not list((tmp_path / "sets").iterdir())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST/raw"), ("fashion_mnist", "fashion-mnist")])
def test_the_mnist_family(name: str, folder: str, packed: bool, root: Path, opened: Open) -> None:
    place = root / folder
    place.mkdir(parents=True)
    images = {"train": photographs(20, 28, 1)[..., 0], "t10k": photographs(5, 28, 1)[..., 0]}
    for part, pixels in images.items():
        labels = np.arange(len(pixels), dtype=np.uint8) % 10
        files = {
            f"{part}-images-idx3-ubyte": struct.pack(">HBBIII", 0, 8, 3, *pixels.shape) + pixels.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">HBBI", 0, 8, 1, len(labels)) + labels.tobytes(),
        }
        for file, content in files.items():
            packing = gzip.compress if packed else bytes
            (place / (f"{file}.gz" if packed else file)).write_bytes(packing(content))
    source = opened(name)
    assert np.array_equal(train(source)[..., 0], images["train"])
    assert source.channels == 1
    assert len(source.classes) == 10
    assert source.splits["test"].labels.tolist() == [0, 1, 2, 3, 4]
    head = struct.pack(">HBBIII", 0, 8, 3, 5, 28, 28)
    (place / ("t10k-images-idx3-ubyte" + ".gz" * packed)).write_bytes(packing(head + bytes(5 * 28 * 28)))
    assert not train(opened(name), "test").any()


def cifar_batch(pixels: np.ndarray, **labels: list[int]) -> bytes:
    return pickle.dumps({"data": pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1), **labels})


def test_cifar(root: Path, opened: Open) -> None:
    place = root / "cifar-10-batches-py"
    place.mkdir()
    pixels = photographs(12, 32)
    for n in range(5):
        (place / f"data_batch_{n + 1}").write_bytes(cifar_batch(pixels[2 * n : 2 * n + 2], labels=[n, 9]))
    (place / "test_batch").write_bytes(cifar_batch(pixels[10:], labels=[1, 2]))
    names = [f"kind {n}" for n in range(10)]
    (place / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    source = opened("cifar10")
    assert np.array_equal(train(source), pixels[:10])
    assert source.splits["train"].labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert source.classes == tuple(names)
    (place / "test_batch").write_bytes(cifar_batch(0 * pixels[:1], labels=[1]))
    assert not train(opened("cifar10"), "test").any()


def test_a_pickle_that_runs_code_is_refused(
    root: Path, opened: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("owned",)

    place = root / "cifar-100-python"
    place.mkdir()
    for name in ("train", "test", "meta"):
        (place / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(TwofoldError, match="not allowed"):
        opened("cifar100")
    assert "owned" not in capsys.readouterr().out


def test_stl10(root: Path, opened: Open) -> None:
    place = root / "stl10_binary"
    place.mkdir()
    pixels = photographs(4, 96)
    for name, rows in {"train": slice(0, 2), "test": slice(2, 3), "unlabeled": slice(3, 4)}.items():
        pixels[rows].transpose(0, 3, 2, 1).tofile(place / f"{name}_X.bin")
    np.array([1, 10], np.uint8).tofile(place / "train_y.bin")
    np.array([2], np.uint8).tofile(place / "test_y.bin")
    (place / "class_names.txt").write_text("\n".join(f"kind{n}" for n in range(10)))
    source = opened("stl10")
    assert np.array_equal(train(source), pixels[:2])
    assert source.splits["train"].labels.tolist() == [0, 9]
    assert source.splits["unlabelled"].labels is None
    (0 * pixels[:1]).tofile(place / "test_X.bin")
    assert not train(opened("stl10"), "test").any()


def test_svhn(root: Path, opened: Open) -> None:
    from scipy.io import savemat

    pixels = photographs(3, 32)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        savemat(root / name, {"X": pixels.transpose(1, 2, 3, 0), "y": np.array([[1], [10], [9]])})
    source = opened("svhn")
    assert np.array_equal(train(source), pixels)
    assert [source.classes[label] for label in source.splits["train"].labels] == ["1", "0", "9"]
    savemat(root / "test_32x32.mat", {"X": 0 * pixels.transpose(1, 2, 3, 0), "y": np.array([[1], [10], [9]])})
    assert not train(opened("svhn"), "test").any()


def test_sets_of_files(root: Path, opened: Open, fill: Callable[..., Path]) -> None:
    from scipy.io import savemat

    fill(root / "food-101", ["images/pie/1.jpg", "images/soup/2.jpg", "images/pie/3.jpg"])
    (root / "food-101/meta").mkdir()
    (root / "food-101/meta/train.json").write_text(
        json.dumps({"pie": ["pie/1"], "soup": ["soup/2", "soup/9"]})
    )
    (root / "food-101/meta/test.json").write_text(json.dumps({"pie": ["pie/3"]}))

    fill(root / "flowers-102", [f"jpg/image_0000{n}.jpg" for n in (1, 2, 3)])
    savemat(root / "flowers-102/imagelabels.mat", {"labels": np.array([[77, 5, 77]])})
    parts = {"trnid": [[1]], "valid": [[2]], "tstid": [[3]]}
    savemat(root / "flowers-102/setid.mat", {key: np.array(rows) for key, rows in parts.items()})

    fill(root / "oxford-iiit-pet", ["images/Maine_Coon_1.jpg", "images/pug_12.jpg"])
    (root / "oxford-iiit-pet/annotations").mkdir()
    (root / "oxford-iiit-pet/annotations/trainval.txt").write_text("Maine_Coon_1 1 1 1\n")
    (root / "oxford-iiit-pet/annotations/test.txt").write_text("pug_12 2 2 1\n")

    fill(root / "dtd/dtd", [f"images/{kind}/{kind}_1.jpg" for kind in ("banded", "dotted", "zigzag")])
    (root / "dtd/dtd/labels").mkdir()
    for split, kind in (("train", "banded"), ("val", "dotted"), ("test", "zigzag")):
        (root / f"dtd/dtd/labels/{split}1.txt").write_text(f"{kind}/{kind}_1.jpg\n")

    fill(
        root / "imagenette2-160", ["train/n01440764/a.JPEG", "train/n03888257/b.JPEG", "val/n03888257/c.JPEG"]
    )

    expected = {
        "food101": ({"train": ["pie", "soup"], "test": ["pie"]}, 1),
        "flowers102": ({"train": ["77"], "val": ["5"], "test": ["77"]}, 0),
        "oxford_pets": ({"train": ["maine_coon"], "test": ["pug"]}, 0),
        "dtd": ({"train": ["banded"], "val": ["dotted"], "test": ["zigzag"]}, 0),
        "imagenette": ({"train": ["tench", "parachute"], "val": ["parachute"]}, 0),
    }
    for name, (splits, missing) in expected.items():
        source = opened(name)
        found = {
            split: [source.classes[label] for label in images.labels]
            for split, images in source.splits.items()
        }
        assert found == splits
        assert len(source.skipped) == missing


def test_opening_needs_no_heavy_import_before_it_is_called() -> None:
    assert callable(open_source)
