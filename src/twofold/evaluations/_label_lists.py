"""Which images are labelled: drawn, and kept as lists of paths; or read from such lists."""

import hashlib
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.files import write_text
from twofold.data.places import cache_root
from twofold.evaluations._task import Task, labels_of


class Lists(NamedTuple):
    """Draws that are averaged.

    Args:
        about: What tells them from others, for the record: ``per_class``, ``share`` or ``lists``.
        draws: Rows of the labelled images of each.
    """

    about: dict[str, Any]
    draws: list[Int[np.ndarray, " labelled"]]


def draws(
    labels: Int[np.ndarray, " n"], per_class: int, count: int, seed: int
) -> list[Int[np.ndarray, " labelled"]]:
    """Rows of labelled images, ``per_class`` of each class that occurs, drawn ``count`` times.

    A draw depends on the labels, ``per_class``, ``seed`` and its number, not on how many are drawn.
    """
    members = _members(labels)
    return _drawn(members, [per_class] * len(members), count, [seed, per_class])


def draws_of_share(
    labels: Int[np.ndarray, " n"], share: float, count: int, seed: int
) -> list[Int[np.ndarray, " labelled"]]:
    """Rows of a share of each class that occurs, rounded up, drawn ``count`` times.

    A draw depends on the labels, ``share``, ``seed`` and its number, not on how many are drawn.
    """
    members = _members(labels)
    sizes = [math.ceil(round(share * len(rows), 6)) for rows in members]  # 0.07 * 100 is a little above 7
    return _drawn(members, [max(1, size) for size in sizes], count, [seed, 0, round(share * 1e9)])


def keep_lists(task: Task, lists: Lists) -> str:
    """Writes each draw's images into a text file in the cache, where it is not there yet: a path a line.

    The folder is called after the images that are drawn from and the seed, so that whoever is judged on
    these shares it. ``read_lists`` reads what is written.

    Returns:
        The folder of these draws, from the cache on.
    """
    ((kind, amount),) = lists.about.items()
    data = re.sub(r"[^A-Za-z0-9_.@-]+", "_", task.protocol["data"])
    place = Path("labels") / f"{data}-{_digest_of(task)}-s{task.seed}" / f"{kind}-{amount}"
    for number, rows in enumerate(lists.draws):
        path = cache_root() / place / f"{number:03d}.txt"
        text = "".join(f"{task.fit.paths[row]}\n" for row in rows)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    return place.as_posix()


def read_lists(folder: Path, task: Task) -> list[Lists]:
    """The draws of lists in a folder, and of those in each folder in it: one list a draw.

    Args:
        folder: With text files (``.txt``) of the paths of labelled images, one a line.
        task: Whose images to fit on are named.

    Raises:
        UsageError: If there is no list.
        TwofoldError: If a list names an image twice or one that is not there, or lacks a class; or if lists
            of one folder have different lengths.
    """
    if not folder.is_dir():
        raise UsageError(f"few_labels: lists {folder}: there is no such folder")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    files = {place: sorted(place.glob("*.txt")) for place in places}
    found = [_read(place, each, task) for place, each in files.items() if each]
    if not found:
        raise UsageError(
            f"few_labels: lists {folder}: there is no list; put text files (.txt) there with the paths of "
            "the labelled images, one a line"
        )
    return found


def _read(place: Path, files: list[Path], task: Task) -> Lists:
    rows_of = {path: row for row, path in enumerate(task.fit.paths)}
    labels = labels_of(task.fit)
    read = [_rows(file, rows_of, labels, task.classes) for file in files]
    for file, rows in zip(files, read, strict=True):
        if len(rows) != len(read[0]):
            raise TwofoldError(
                f"{files[0]} names {len(read[0])} images and {file.name} {len(rows)}: lists in one folder "
                "are averaged, so give each length a folder of its own"
            )
    content = hashlib.sha256(b"\n".join(file.read_bytes() for file in files)).hexdigest()
    return Lists({"lists": place.resolve().name, "digest": content[:12]}, read)


def _rows(
    file: Path, rows_of: dict[str, int], labels: Int[np.ndarray, " n"], classes: tuple[str, ...]
) -> Int[np.ndarray, " labelled"]:
    lines = file.read_text(encoding="utf-8").splitlines()
    paths = [line.strip() for line in lines if line.strip()]
    unknown = next((path for path in paths if path not in rows_of), None)
    if unknown is not None:
        raise TwofoldError(
            f"{file}: '{unknown}' is none of the {len(rows_of)} images to fit on; they are named like "
            f"'{next(iter(rows_of))}'"
        )
    if len(set(paths)) < len(paths):
        raise TwofoldError(f"{file}: '{Counter(paths).most_common(1)[0][0]}' is named more than once")
    rows = np.array([rows_of[path] for path in paths], dtype=np.int64)
    missing = np.setdiff1d(labels, labels[rows])
    if len(missing):
        named = ", ".join(f"'{classes[number]}'" for number in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise TwofoldError(f"{file} has no image of {named}{more}: a list needs one of each class at least")
    return rows


def _members(labels: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " _"]]:
    """The rows of each class that occurs."""
    return [np.flatnonzero(labels == name) for name in np.unique(labels)]


def _drawn(
    members: list[Int[np.ndarray, " _"]], sizes: list[int], count: int, seeds: list[int]
) -> list[Int[np.ndarray, " labelled"]]:
    drawn = []
    for number in range(count):
        random = np.random.default_rng([*seeds, number])
        chosen = [random.choice(rows, size, replace=False) for rows, size in zip(members, sizes, strict=True)]
        drawn.append(np.concatenate(chosen))
    return drawn


def _digest_of(task: Task) -> str:
    """Of the images that are drawn from: other images or other labels have lists of their own."""
    content = hashlib.sha256("\n".join(task.fit.paths).encode())
    content.update(labels_of(task.fit).astype(np.int64).tobytes())
    return content.hexdigest()[:12]
