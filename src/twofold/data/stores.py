"""All stores of a cache folder: what they take up, and which are of no more use."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twofold.data.store import is_being_written, last_used, open_store, remove_abandoned

_DAY = 86_400  # seconds


@dataclass(frozen=True)
class Kept:
    """One store.

    Args:
        folder: Where it is.
        place: Where its images came from.
        images: How many it holds.
        size: Bytes on disk.
        used: When it was last opened, in seconds since 1970.
        useless: Why it is of no more use; empty where it still is.
    """

    folder: Path
    place: str
    images: int
    size: int
    used: float
    useless: str


def kept_in(cache: Path) -> list[Kept]:
    """All stores of a cache folder, the last used first."""
    found = [_look(folder) for folder in (cache / "stores").glob("*") if folder.is_dir()]
    return sorted(found, key=lambda store: -store.used)


def prune(stores: Sequence[Kept], *, unused_days: float | None, everything: bool) -> list[Kept]:
    """Removes stores and returns them: useless ones, and with ``unused_days`` or ``everything`` others.

    What is being written is left alone.
    """
    removed = []
    for store in stores:
        remove_abandoned(store.folder)
        old = unused_days is not None and time.time() - store.used > unused_days * _DAY
        if (everything or old or store.useless) and not is_being_written(store.folder):
            shutil.rmtree(store.folder, ignore_errors=True)
            removed.append(store)
    return removed


def _look(folder: Path) -> Kept:
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    store = open_store(folder)
    if store is None:
        useless = "" if is_being_written(folder) else "unfinished, damaged or of another version"
        return Kept(folder, "", 0, size, folder.stat().st_mtime, useless)
    place = store.index.place
    gone = Path(place).is_absolute() and not Path(place).exists()
    useless = "its images are gone" if gone else ""
    return Kept(folder, place, len(store), size, last_used(folder), useless)
