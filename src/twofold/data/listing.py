"""What a source knows before anything is decoded."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Content = bytes | np.ndarray
"""An image file's bytes, or an array ``h w`` or ``h w c`` of any number type."""

Skipped = tuple[tuple[str, str], ...]
"""Files that are left out, as (path, reason)."""


def _nothing() -> None:
    """Closes nothing."""


@dataclass(frozen=True)
class Listing:
    """The images of a data set, not yet decoded.

    Args:
        paths: One unique path an image, relative to the data's root, with ``/``.
        stamps: One a path; differs when the image's content may differ. Images whose path and stamp
            are already in the store are not decoded again.
        read: Content of the i-th image; called from several threads at once.
        skipped: What was found beside the images.
        splits: Split of each image, where the set itself says so; None derives it from the paths.
        labels: Class of each image, -1 where it has none; None derives it from the paths.
        classes: Names of the classes that ``labels`` are positions in.
        close: Called when nothing more will be read.
    """

    paths: Sequence[str]
    stamps: Sequence[str]
    read: Callable[[int], Content]
    skipped: Skipped = ()
    splits: Sequence[str] | None = None
    labels: Sequence[int] | None = None
    classes: tuple[str, ...] = ()
    close: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Origin:
    """What the user's DATA turned out to be.

    Args:
        name: Short name, fit for a folder's name.
        place: Where it lies: an absolute path, or a name and the folder it was found in.
        stamp: Differs when any image may differ; cheap, because every start computes it.
        listing: Lists the images; only called when the store is not up to date.
    """

    name: str
    place: str
    stamp: str
    listing: Callable[[], Listing]


def digest(parts: Iterable[str]) -> str:
    """A short hash of some texts, for stamps and keys."""
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def file_stamp(path: Path) -> str:
    """Size and time of one file."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def files_stamp(paths: Iterable[Path]) -> str:
    """One stamp of several files."""
    return digest(f"{path}:{file_stamp(path)}" for path in paths)


def short_name(text: str) -> str:
    """``text`` with only what is safe in the name of a folder."""
    kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in text.lower())
    return "-".join(filter(None, kept.split("-")))[:40] or "data"


def list_arrays(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray | None]], classes: tuple[str, ...], stamp: str
) -> Listing:
    """A listing of images that are held in arrays, ``n h w`` or ``n h w c`` a split, with their labels."""
    paths, names, labels, rows = [], [], [], []
    for split, (images, numbers) in splits.items():
        width = len(str(len(images)))
        for row in range(len(images)):
            paths.append(f"{split}/{row:0{width}d}")
            names.append(split)
            labels.append(-1 if numbers is None else int(numbers[row]))
            rows.append((images, row))

    def read(item: int) -> np.ndarray:
        images, row = rows[item]
        return np.asarray(images[row])

    return Listing(paths, [stamp] * len(paths), read, (), names, labels if classes else None, classes)
