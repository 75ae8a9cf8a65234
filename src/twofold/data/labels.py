"""Labels: from class folders, from a CSV file, or from the set itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from twofold.core.errors import UsageError
from twofold.data.classes import class_folders
from twofold.data.notes import of_images_beside
from twofold.data.screen import Screen
from twofold.data.table import read_table

Labels = tuple[tuple[str, ...], Int[np.ndarray, " n"]]
"""Names of the classes, and the class of each image, -1 where it has none."""


def from_folders(
    splits: Sequence[str],
    folders: Sequence[list[str]],
    paths: Sequence[str],
    screen: Screen,
    *,
    demanded: bool,
) -> Labels:
    """Classes and labels that class folders say.

    Raises:
        UsageError: If they are demanded and there are no two class folders.
    """
    names, beside = class_folders(splits, folders, demanded=demanded)
    if demanded and not any(names):
        raise UsageError("--labels folders needs at least two folders of images side by side; there are none")
    for one in beside:
        screen.say(of_images_beside(one, paths))
    return numbered(names)


def from_csv(
    file: Path, paths: Sequence[str], splits: Sequence[str], screen: Screen, root: str = ""
) -> tuple[tuple[str, ...], Int[np.ndarray, " n"], list[str]]:
    """Classes and labels that a CSV file says, and the splits: its own where it has a column of them.

    Args:
        file: See ``table``.
        paths: Of the images.
        splits: Of the images, where the file says nothing else.
        screen: Told of lines that name no image.
        root: Folder of the data, where absolute paths are to lie.

    Raises:
        UsageError: If there is no such file, or its columns cannot be told.
        TwofoldError: If it names no image, says two things of one, or has splits that are none.
    """
    table = read_table(file, paths, screen, root)
    names, said = table.labels(), table.splits()
    classes, labels = numbered([names.get(row, "") for row in range(len(paths))])
    return classes, labels, [said.get(row, split) for row, split in enumerate(splits)]


def numbered(names: Sequence[str]) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Classes, sorted (whole numbers by value), and the position of each name; -1 for an empty one."""
    found = {name for name in names if name}
    whole = all(name.removeprefix("-").isdecimal() for name in found)
    classes = tuple(sorted(found, key=lambda name: (int(name) if whole else 0, name)))
    position = {name: number for number, name in enumerate(classes)} | {"": -1}
    return classes, np.array([position[name] for name in names], np.int64)
