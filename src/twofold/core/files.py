"""Files that are whole or absent: written aside, then renamed."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` that takes its place when the block ends well.

    The temporary file or folder is removed if the block fails. Once it is over, neither a kill nor a power
    cut takes the new file back.

    Raises:
        OSError: If the disk cannot take it; its ``filename`` is ``path`` where the system names none.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        if aside.is_file():
            sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        _remove(aside)


def write_text(path: Path, text: str) -> None:
    """Replaces the file's text in one step; bytes in names of files that are no UTF-8 stay as they are."""
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="surrogateescape")


def sync(path: Path) -> None:
    """Waits until a file's contents, or the names in a folder, are on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Removes what writers that were killed left behind; for whoever alone writes in the folder."""
    for aside in folder.glob(".*.part"):
        _remove(aside)


def _remove(aside: Path) -> None:
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        with suppress(OSError):  # what failed before is what has to be told
            aside.unlink(missing_ok=True)
