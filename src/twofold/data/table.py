"""CSV files that say something of images, one a line."""

import csv
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from twofold.core.errors import TwofoldError, UsageError
from twofold.data.layout import split_named, wrapping
from twofold.data.screen import Screen

_AMBIGUOUS = -1
_LABEL_COLUMNS = ("label", "class", "target", "category")
_PATH_COLUMNS = (
    "path",
    "file",
    "filename",
    "image",
    "filepath",
    "file_path",
    "file_name",
    "image_path",
    "image_id",
    "id",
)
_SPLIT_COLUMNS = ("split", "set", "subset")

RowOf = Callable[[str], int | None]
"""The position of the image that a name means, ``_AMBIGUOUS``, or None."""


@dataclass(frozen=True)
class Table:
    """A CSV file, with or without a header.

    Args:
        file: Where it is.
        header: Names of its columns, if it has any.
        paths: Of all images.
        lines: Those that name an image, with its position in ``paths``.
    """

    file: Path
    header: Sequence[str]
    paths: Sequence[str]
    lines: Sequence[tuple[int, Sequence[str]]]

    def labels(self) -> dict[int, str]:
        """Labels by position: the column of such a name, else the second of two.

        Raises:
            UsageError: If there are more columns, and none of such a name.
            TwofoldError: If two lines differ.
        """
        return self._values(_position(self.file, self.header, _LABEL_COLUMNS, 1, "label"))

    def splits(self) -> dict[int, str]:
        """Splits by position, where there is a column of them and it is not empty.

        Raises:
            TwofoldError: If its values are no splits, or two lines differ.
        """
        column = _first_of(_SPLIT_COLUMNS, self.header)
        if column is None:
            return {}
        values = self._values(column)
        splits = {value: split_named(value) for value in set(values.values()) - {""}}
        if wrong := sorted(value for value, split in splits.items() if not split):
            raise TwofoldError(
                f"{self.file}: its column '{self.header[column]}' says '{wrong[0]}', which is none of train, "
                "val, test and unlabelled; write these, or call the column something else"
            )
        return {row: splits[value] for row, value in values.items() if value}

    def column(self, name: str) -> dict[int, str]:
        """Values of a column by position.

        Raises:
            UsageError: If there is no such column.
            TwofoldError: If two lines differ.
        """
        if name not in self.header:
            known = ", ".join(self.header) or "none"
            raise UsageError(f"{self.file} has no column '{name}'; its header is: {known}")
        return self._values(list(self.header).index(name))

    def _values(self, column: int) -> dict[int, str]:
        values: dict[int, str] = {}
        for row, line in self.lines:
            value = _cell(self.file, line, column)
            if values.setdefault(row, value) != value:
                raise TwofoldError(f"{self.file}: {self.paths[row]} is both '{values[row]}' and '{value}'")
        return values


def read_table(file: Path, paths: Sequence[str], screen: Screen | None = None, root: str = "") -> Table:
    """Reads a CSV file and finds the image of each line.

    Images are named by their path relative to the data's root, by an absolute path below it or, where only
    one image is called so, by file name with or without suffix.

    Args:
        file: With or without a header.
        paths: Of the images.
        screen: Told of lines that name no image.
        root: Absolute path of the data's root; empty where there are no absolute paths.

    Raises:
        UsageError: If there is no such file, or it cannot be told which column is which.
        TwofoldError: If no line names an image, or a name could mean two images.
    """
    lines, row_of = _lines(file), _finder(paths, root)
    header = [cell.strip() for cell in lines[0]] if _is_header(lines, row_of) else []
    if not header and any(cell.strip() for cell in lines[0][2:]):
        raise UsageError(
            f"{file} has {len(lines[0])} columns and no header; begin it with a line that names them, as "
            "path,label,split"
        )
    column = _position(file, header, _PATH_COLUMNS, 0, "path")
    found, unknown = [], []
    for line in lines[bool(header) :]:
        _cell(file, line, 1)  # a line of one column is no path,label
        name = _cell(file, line, column)
        row = row_of(name)
        if row is None:
            unknown.append(name)
        elif row == _AMBIGUOUS:
            raise TwofoldError(
                f"{file}: '{name}' could mean several images; write the path from the data's root"
            )
        else:
            found.append((row, line))
    if not found:
        raise TwofoldError(
            f"{file} names none of the images"
            + (f", as '{unknown[0]}' shows" if unknown else "")
            + f": paths start at the data's root, like '{paths[0]}'"
        )
    if unknown and screen is not None:
        screen.say(f"{file}: {len(unknown)} lines name no image of the data, the first is '{unknown[0]}'")
    return Table(file, header, paths, found)


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


def _cell(file: Path, line: Sequence[str], column: int) -> str:
    if len(line) <= column:
        raise TwofoldError(
            f"{file}: '{','.join(line)}' has too few columns; each line is path,label, with a comma"
        )
    return line[column].strip()


def _finder(paths: Sequence[str], root: str) -> RowOf:
    rows, root = _rows_by_name(paths), _composed(root)

    def row_of(name: str) -> int | None:
        plain = _composed(name.replace("\\", "/").removeprefix("./"))
        row = rows.get(plain)
        if row is None and root and Path(plain).is_absolute():
            folder, _, file = plain.rpartition("/")
            row = rows.get(f"{_below(root, folder)}{file}")
        return row

    return row_of


@lru_cache(maxsize=4096)
def _below(root: str, folder: str) -> str:
    """A folder below the root relative to it, with ``/`` at its end; any other as it is."""
    with suppress(OSError, RuntimeError, ValueError):  # links in a circle, and names that no file can have
        for path in (Path(folder), Path(folder).resolve()):
            if path.is_relative_to(root):
                return f"{path.relative_to(root).as_posix()}/".removeprefix("./")
    return f"{folder}/"


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


def _composed(name: str) -> str:
    """An accent may be part of its letter or follow it, as in names of files from a Mac."""
    return unicodedata.normalize("NFC", name)


def _is_header(lines: Sequence[Sequence[str]], row_of: RowOf) -> bool:
    """A first line is a header if it names no image although later ones do, or has a usual column name."""
    first = [cell.strip() for cell in lines[0]]
    if any(row_of(cell) is not None for cell in first):
        return False
    return not {cell.lower() for cell in first}.isdisjoint((*_PATH_COLUMNS, *_LABEL_COLUMNS)) or any(
        row_of(cell.strip()) is not None for line in lines[1:] for cell in line
    )


def _position(file: Path, header: Sequence[str], names: Sequence[str], otherwise: int, what: str) -> int:
    """The column of one of these names; the usual one where there are but two, neither a split's."""
    known = _first_of(names, header)
    if known is not None:
        return known
    if len(header) > 2 or _first_of(_SPLIT_COLUMNS, header) is not None:
        raise UsageError(
            f"{file}: none of its columns {', '.join(header)} is called as the {what} is: {', '.join(names)}"
        )
    return otherwise


def _first_of(names: Sequence[str], header: Sequence[str]) -> int | None:
    """The column of the first name that the header has, in any case."""
    lower = [name.lower() for name in header]
    return next((lower.index(name) for name in names if name in lower), None)
