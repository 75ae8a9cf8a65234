"""Decoded images on disk: an index of rows into segments of pixels that are mapped into memory.

A store is a folder with ``index.npz`` and one file a segment. Segments are written aside, renamed,
and never changed; the index is replaced last. So a store is whole at every moment, and whoever still
reads an older index keeps what it maps.
"""

import contextlib
import json
import os
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

from twofold.core.errors import TwofoldError
from twofold.core.files import write_aside

_VERSION = 2
_INDEX = "index.npz"
_ABANDONED_AFTER = 3600  # seconds without a write

ROW = np.dtype(
    [
        ("segment", "i4"),
        ("offset", "i8"),
        ("length", "i8"),
        ("height", "i4"),
        ("width", "i4"),
        ("channels", "u1"),
        ("file_height", "i4"),
        ("file_width", "i4"),
        ("bits", "u1"),
        ("mode", "S8"),
        ("format", "S8"),
        ("digest", "u1", (16,)),
        ("mean", "f4", (3,)),
        ("square", "f4", (3,)),
    ]
)


@dataclass(frozen=True)
class Segment:
    """One file of pixels: ``kind`` is ``raw`` (uint8, h w c) or ``jpeg``."""

    file: str
    kind: str
    length: int


@dataclass(frozen=True)
class Broken:
    """A file that is not decoded again while its stamp stays."""

    path: str
    stamp: str
    reason: str


@dataclass(frozen=True)
class Index:
    """What a store holds; one row, path and stamp an image, sorted by path.

    Args:
        splits: Split of each image, where the set itself says so.
        labels: Class of each image, where the set itself says so.
        skipped: What was found beside the images, as (path, reason).
        value_range: What became 0 and 255 in images of more than 8 bits; None where there are none.
    """

    name: str
    place: str
    stamp: str
    rows: Shaped[np.ndarray, " n"]
    paths: Sequence[str]
    stamps: Sequence[str]
    splits: Sequence[str] | None
    labels: Sequence[int] | None
    classes: Sequence[str]
    skipped: Sequence[tuple[str, str]]
    broken: Sequence[Broken]
    segments: Sequence[Segment]
    value_range: tuple[float, float] | None

    def save(self, folder: Path) -> None:
        """Replaces the store's index and removes segments that it no longer names."""
        text = {name: value for name, value in vars(self).items() if name != "rows"}
        text["segments"] = [vars(segment) for segment in self.segments]
        text["broken"] = [vars(one) for one in self.broken]
        data = np.frombuffer(json.dumps({"version": _VERSION} | text).encode(), np.uint8)
        with write_aside(folder / _INDEX) as aside, aside.open("wb") as file:
            np.savez(file, rows=self.rows, text=data)
        named = {segment.file for segment in self.segments}
        for path in folder.glob("*.seg"):
            if path.name not in named:
                with contextlib.suppress(OSError):  # mapped by somebody on Windows: next time
                    path.unlink()


@dataclass(frozen=True)
class Store:
    """An index and its segments, mapped."""

    folder: Path
    index: Index
    maps: tuple[UInt8[np.ndarray, " _"], ...]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.index.rows)

    def refuse_cut_off(self) -> None:
        """To be asked before reading: the system kills a process that reads beyond the end of what it maps.

        A file that is removed or replaced stays as it was for whoever maps it.

        Raises:
            TwofoldError: If a segment was cut off since it was mapped.
        """
        for segment in self.index.segments:
            file = self.folder / segment.file
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_size < segment.length:
                    raise TwofoldError(f"{file} was cut off meanwhile: it is written anew at the next start")


def open_store(folder: Path) -> Store | None:
    """The store in ``folder``; None where there is none, or it is damaged or of another version."""
    try:
        index = _load(folder / _INDEX)
        maps = tuple(_map(folder / segment.file, segment.length) for segment in index.segments)
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile):
        return None
    return Store(folder, index, maps)


def touch(folder: Path) -> None:
    """Notes that the store was used now."""
    with contextlib.suppress(OSError):  # a cache that somebody shares read-only
        os.utime(folder / _INDEX)


def last_used(folder: Path) -> float:
    """When the store was last used, in seconds since 1970."""
    return (folder / _INDEX).stat().st_mtime


def is_being_written(folder: Path) -> bool:
    """Whether a pack has written here within the last hour and not ended."""
    return any(not _is_abandoned(path) for path in folder.glob(".*.part"))


def remove_abandoned(folder: Path) -> None:
    """Removes what a killed pack left behind an hour ago or earlier."""
    for path in folder.glob(".*.part"):
        if _is_abandoned(path):
            path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_AFTER
    except FileNotFoundError:  # the pack has just ended
        return True


def _load(path: Path) -> Index:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        rows, text = arrays["rows"], json.loads(bytes(arrays["text"]))
    if text.pop("version") != _VERSION or rows.dtype != ROW:
        raise ValueError("written by another version")
    return Index(rows=rows, **_typed(text))


def _typed(text: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **text,
        "skipped": [(path, reason) for path, reason in text["skipped"]],
        "segments": [Segment(**segment) for segment in text["segments"]],
        "broken": [Broken(**one) for one in text["broken"]],
        "value_range": tuple(text["value_range"]) if text["value_range"] else None,
    }


def _map(path: Path, length: int) -> UInt8[np.ndarray, " bytes"]:
    if path.stat().st_size != length:
        raise ValueError(f"{path} is cut off")
    return np.asarray(np.memmap(path, np.uint8, mode="r")) if length else np.empty(0, np.uint8)
