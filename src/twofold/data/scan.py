"""The files below a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twofold.data.layout import is_hidden
from twofold.data.listing import digest


@dataclass(frozen=True)
class File:
    """A file: its path relative to the folder with ``/``, and its size and time."""

    path: str
    stamp: str


def scan(folder: Path) -> list[File]:
    """All files below ``folder`` that are not hidden, sorted; links are followed, never in a circle."""
    return sorted(_below(folder, "", frozenset()), key=lambda file: file.path)


def whole_stamp(files: list[File]) -> str:
    """One stamp of all files."""
    return digest(f"{file.path}:{file.stamp}" for file in files)


def _below(folder: Path, prefix: str, around: frozenset[tuple[int, int]]) -> Iterator[File]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in around:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/", around | {here})
            elif entry.is_file():
                status = entry.stat()
                yield File(prefix + entry.name, f"{status.st_size}:{status.st_mtime_ns}")
