"""Labels: from class folders, from a CSV file, or from the set itself."""

import csv
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.layout import class_folders, wrapping
from twofold.data.screen import Screen

_AMBIGUOUS = -1
_LABEL_COLUMNS = ("label", "class", "target", "category")
_PATH_COLUMNS = ("path", "file", "filename", "image", "filepath", "file_path", "file_name", "image_path")


def from_folders(
    splits: Sequence[str], folders: Sequence[list[str]], *, demanded: bool
) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Classes and labels (-1: none) that class folders say.

    Raises:
        UsageError: If they are demanded and there are no two class folders.
    """
    names = class_folders(splits, folders, allow_strays=demanded)
    if demanded and not any(names):
        raise UsageError("--labels folders needs at least two folders of images side by side; there are none")
    return numbered(names)


def from_csv(
    file: Path, paths: Sequence[str], screen: Screen
) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Classes and labels (-1: none) that a CSV file says.

    Raises:
        UsageError: If there is no such file.
        TwofoldError: If it names no image, or one image twice with different labels.
    """
    names = read_column(file, paths, None, screen)
    return numbered([names.get(row, "") for row in range(len(paths))])


def numbered(names: Sequence[str]) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Classes, sorted (whole numbers by value), and the position of each name; -1 for an empty one."""
    found = {name for name in names if name}
    whole = all(name.removeprefix("-").isdecimal() for name in found)
    classes = tuple(sorted(found, key=lambda name: (int(name) if whole else 0, name)))
    position = {name: number for number, name in enumerate(classes)} | {"": -1}
    return classes, np.array([position[name] for name in names], np.int64)


def read_column(
    file: Path, paths: Sequence[str], column: str | None, screen: Screen | None = None
) -> dict[int, str]:
    """Values of one column of a CSV file, by position in ``paths``.

    Images are named by their path relative to the data's root or, where only one image is called so, by file
    name with or without suffix.

    Args:
        file: With or without a header.
        paths: Of the images.
        column: Name in the header; None is the label: the column of that name, else the second.
        screen: Told of lines that name no image.

    Raises:
        UsageError: If there is no such file or column.
        TwofoldError: If no line names an image, a name could mean two images, or two lines differ.
    """
    lines = _lines(file)
    rows = _rows_by_name(paths)
    header = lines[0] if _is_header(lines, rows) else []
    path_column = _position(header, _PATH_COLUMNS, 0)
    value_column = _position(header, _LABEL_COLUMNS, 1) if column is None else _named(header, column, file)
    values: dict[int, str] = {}
    unknown = []
    for line in lines[bool(header) :]:
        if len(line) <= max(path_column, value_column):
            raise TwofoldError(
                f"{file}: '{','.join(line)}' has too few columns; each line is path,label, with a comma"
            )
        name, value = line[path_column].strip(), line[value_column].strip()
        row = rows.get(_plain(name))
        if row is None:
            unknown.append(name)
            continue
        if row == _AMBIGUOUS:
            raise TwofoldError(
                f"{file}: '{name}' could mean several images; write the path from the data's root"
            )
        if values.setdefault(row, value) != value:
            raise TwofoldError(f"{file}: {paths[row]} is both '{values[row]}' and '{value}'")
    if not values:
        raise TwofoldError(
            f"{file} names none of the images"
            + (f", as '{unknown[0]}' shows" if unknown else "")
            + f": paths start at the data's root, like '{paths[0]}'"
        )
    if unknown and screen is not None:
        screen.say(f"{file}: {len(unknown)} lines name no image of the data, the first is '{unknown[0]}'")
    return values


def _lines(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            lines = [line for line in csv.reader(text) if any(cell.strip() for cell in line)]
    except FileNotFoundError:
        raise UsageError(f"--labels {file}: no such file; it is auto, folders, none or a CSV file") from None
    except IsADirectoryError:
        raise UsageError(f"--labels {file}: a folder; it is auto, folders, none or a CSV file") from None
    except UnicodeDecodeError:
        raise TwofoldError(f"{file} is not UTF-8; save it as CSV UTF-8") from None
    except (OSError, csv.Error) as error:
        raise TwofoldError(f"{file} cannot be read as CSV: {error}") from None
    if not lines:
        raise TwofoldError(f"{file} is empty; each line is path,label")
    return lines


def _rows_by_name(paths: Sequence[str]) -> dict[str, int]:
    depth = wrapping(paths)
    rows: dict[str, int] = {}
    loose: dict[str, int] = {}
    for row, path in enumerate(map(_composed, paths)):
        rows[path] = row if path not in rows else _AMBIGUOUS
        file = PurePosixPath(path)
        for name in {"/".join(path.split("/")[depth:]), file.name, file.stem} - {path}:
            loose[name] = row if name not in loose else _AMBIGUOUS
    return loose | rows


def _plain(name: str) -> str:
    return _composed(name.replace("\\", "/").removeprefix("./"))


def _composed(name: str) -> str:
    """An accent may be part of its letter or follow it, as in names of files from a Mac."""
    return unicodedata.normalize("NFC", name)


def _is_header(lines: Sequence[Sequence[str]], rows: Mapping[str, int]) -> bool:
    """A first line is a header if it names no image although later ones do, or has a usual column name."""
    first = [cell.strip().lower() for cell in lines[0]]
    if any(_plain(cell.strip()) in rows for cell in lines[0]):
        return False
    return bool({*first} & {*_PATH_COLUMNS, *_LABEL_COLUMNS}) or any(
        _plain(cell.strip()) in rows for line in lines[1:] for cell in line
    )


def _position(header: Sequence[str], names: Sequence[str], otherwise: int) -> int:
    lower = [cell.strip().lower() for cell in header]
    return next((lower.index(name) for name in names if name in lower), otherwise)


def _named(header: Sequence[str], column: str, file: Path) -> int:
    stripped = [cell.strip() for cell in header]
    if column not in stripped:
        raise UsageError(f"{file} has no column '{column}'; its header is: {', '.join(stripped) or 'none'}")
    return stripped.index(column)
