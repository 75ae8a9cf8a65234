"""Images in a numpy file."""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.archives import is_bomb, is_bounded
from twofold.data.labels import numbered
from twofold.data.layout import ANNOTATIONS, SPLITS
from twofold.data.listing import Listing, Origin, file_stamp, list_arrays, short_name

_NO_LABEL = -1
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IMAGE_NAMES = frozenset(["images", "x", "data"])
_LABEL_NAMES = frozenset(["labels", "y"])
_LABEL_WORDS = frozenset(["y", "label", "labels", "target", "targets", "class", "classes"])


class Arrays:
    """An .npy file of images (n h w, n h w c or n c h w), or an .npz file with images, labels and splits.

    In an ``.npz`` file the names say what is what: ``images`` and ``labels``, ``x_train`` and
    ``y_train``, ``testImages`` ...
    """

    def open(self, data: str) -> Origin:
        """Looks at the file's size and time.

        Raises:
            UsageError: If there is no such file.
        """
        path = Path(data).expanduser().resolve()
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        stamp = file_stamp(path)
        return Origin(short_name(path.stem), str(path), stamp, lambda: _listing(path, stamp))


def _listing(path: Path, stamp: str) -> Listing:
    try:
        if path.suffix.lower() == ".npy":
            arrays = {"images": np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            _refuse_bomb(path)
            with path.open("rb") as file, np.load(file, allow_pickle=False) as packed:
                arrays = {name: packed[name] for name in packed.files}
    except TwofoldError:
        raise
    except Exception as error:  # hostile headers make numpy raise whatever it likes
        if "pickle" in str(error):  # numpy advises to load it all the same
            error = ValueError("it is damaged, or holds Python objects rather than numbers")
        raise TwofoldError(
            f"{path} cannot be read as a numpy file: {error or type(error).__name__}"
        ) from None
    images, labels, others = _sorted_out(path, arrays)
    if not images:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise TwofoldError(f"{path} holds no images (n h w, n h w c or n c h w), only: {shapes or 'nothing'}")
    names = {split: _class_names(path, labels.get(split), len(images[split])) for split in images}
    classes, numbers = numbered([name for split in images for name in names[split]])
    ends = np.cumsum([len(array) for array in images.values()])[:-1]
    parts = dict(zip(images, np.split(numbers, ends), strict=True))
    listing = list_arrays({split: (images[split], parts[split]) for split in images}, classes, stamp)
    return replace(listing, skipped=others)


def _refuse_bomb(path: Path) -> None:
    """All arrays of an ``.npz`` are unpacked into memory."""
    with zipfile.ZipFile(path) as packed:
        members = packed.infolist()
    if any(is_bomb(one.file_size, one.compress_size) or not is_bounded(one) for one in members):
        raise TwofoldError(f"{path} is refused: it unpacks like a decompression bomb")


def _sorted_out(
    path: Path, arrays: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], tuple[tuple[str, str], ...]]:
    """Images by split, labels by split, and what is neither."""
    images: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    for name, array in arrays.items():
        words = _words(name)
        split = next((SPLITS[word] for word in words if word in SPLITS), "train")
        if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1):
            if _LABEL_WORDS.intersection(words):
                labels.setdefault(split, []).append(name)
        elif array.ndim in (3, 4) and not (_LABEL_WORDS | ANNOTATIONS).intersection(words):
            images.setdefault(split, []).append(name)
    chosen = {split: _the_one(path, names, _IMAGE_NAMES) for split, names in images.items()}
    chosen_labels = {split: _the_one(path, names, _LABEL_NAMES) for split, names in labels.items()}
    others = [
        (name, f"an array of shape {array.shape} is neither the images nor one label an image")
        for name, array in arrays.items()
        if name not in (*chosen.values(), *chosen_labels.values())
    ]
    return (
        {split: _channels_last(_narrow(arrays[name])) for split, name in chosen.items()},
        {split: arrays[name].reshape(-1) for split, name in chosen_labels.items()},
        tuple(others),
    )


def _words(name: str) -> list[str]:
    """``x_train`` and ``trainImages`` in words, in lower case."""
    return [word.lower() for word in _BETWEEN_WORDS.split(name) if word]


def _the_one(path: Path, names: list[str], usual: frozenset[str]) -> str:
    """The array of a split among those that could be meant: the only one, or the only one of a usual name."""
    called = [name for name in names if " ".join(w for w in _words(name) if w not in SPLITS) in usual]
    if len(names) > 1 and len(called) != 1:
        raise TwofoldError(
            f"{path}: it could be {' or '.join(names)} that is meant; "
            f"keep one of them, or call one {' or '.join(sorted(usual))}"
        )
    return called[0] if called else names[0]


def _narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 to 255 are 8 bits, whatever they are kept in."""
    if array.dtype == np.uint8 or not np.issubdtype(array.dtype, np.integer) or not array.size:
        return array
    return array.astype(np.uint8) if array.min() >= 0 and array.max() <= 255 else array


def _channels_last(array: np.ndarray) -> np.ndarray:
    """``n c h w`` turned to ``n h w c``; told apart by where a 1, 3 or 4 is."""
    if array.ndim == 4 and array.shape[1] in (1, 3, 4) and array.shape[3] not in (1, 3, 4):
        return array.transpose(0, 2, 3, 1)
    return array


def _class_names(path: Path, labels: np.ndarray | None, images: int) -> list[str]:
    if labels is None:
        return [""] * images
    if len(labels) != images:
        raise TwofoldError(f"{path} has {images} images but {len(labels)} labels in one split")
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if np.issubdtype(labels.dtype, np.floating):
        labels = np.where(np.isnan(labels), _NO_LABEL, labels)
        if not np.array_equal(labels, np.trunc(labels)):
            raise TwofoldError(f"{path} has labels that are no whole numbers: they name no classes")
        labels = labels.astype(np.int64)
    return ["" if str(label) == str(_NO_LABEL) else str(label) for label in labels.tolist()]
