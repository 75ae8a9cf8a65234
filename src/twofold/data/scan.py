"""The files below a folder."""

import os
from pathlib import Path
from typing import NamedTuple

from twofold.data.layout import is_hidden, run_folders
from twofold.data.listing import digest


class File(NamedTuple):
    """A file: its path relative to the folder with ``/``, and its size and time."""

    path: str
    stamp: str


def scan(folder: Path) -> list[File]:
    """All files below ``folder`` that are not hidden, sorted; links are followed, never in a circle.

    Links that lead nowhere are files too, so that somebody is told when they are read. Runs are no data.
    """
    files: list[File] = []
    _collect(str(folder), "", frozenset(), files)
    runs = run_folders(file.path for file in files)
    return sorted(file for file in files if not file.path.startswith(runs))


def whole_stamp(files: list[File]) -> str:
    """One stamp of all files."""
    return digest(part for file in files for part in file)


def _collect(folder: str, prefix: str, around: frozenset[tuple[int, int]], files: list[File]) -> None:
    status = os.stat(folder)  # noqa: PTH116  (Path is slow, and every start waits for this)
    here = (status.st_dev, status.st_ino)
    if here in around:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if is_hidden(name):
                continue
            try:
                is_folder, status = entry.is_dir(), entry.stat()
            except OSError:
                files.append(File(prefix + name, "leads nowhere"))
                continue
            if is_folder:
                _collect(entry.path, f"{prefix}{name}/", around | {here}, files)
            elif entry.is_file():
                files.append(File(prefix + name, f"{status.st_size}:{status.st_mtime_ns}"))
