"""Which folders are classes, and which images lie beside them."""

from collections.abc import Sequence
from typing import NamedTuple

from twofold.data.layout import is_fold, split_named

_NEARLY_ALL = 10  # at most one image in so many may lie beside the class folders


class Beside(NamedTuple):
    """Images of one split that lie beside folders of classes.

    Args:
        split: Name of the split.
        rows: Positions of the images.
        folders: Names of the folders, sorted.
        total: Images of the split.
        are_classes: Whether the folders are classes all the same; else there are too many images beside them.
    """

    split: str
    rows: list[int]
    folders: list[str]
    total: int
    are_classes: bool


def class_folders(
    splits: Sequence[str], folders: Sequence[list[str]], *, demanded: bool = False
) -> tuple[list[str], list[Beside]]:
    """The class folder of each image, empty where it has none, and the images beside class folders.

    The first level of folders on which the images differ names the classes; folds and splits name none.
    A split of which more than a tenth lies beside that level has no classes, unless they are demanded.
    """
    folds = fold_folders(splits, folders)
    below = [inner[split in folds :] for split, inner in zip(splits, folders, strict=True)]
    rows: dict[str, list[int]] = {}
    for row, split in enumerate(splits):
        if split not in ("", "unlabelled"):
            rows.setdefault(split, []).append(row)
    beside: list[Beside] = []
    level = 0
    while any(rows.values()):
        for split, all_rows in rows.items():
            inside = [row for row in all_rows if len(below[row]) > level]
            outside = [row for row in all_rows if len(below[row]) <= level]
            names = {below[row][level] for row in inside}
            few = demanded or _NEARLY_ALL * len(outside) <= len(all_rows)
            if outside and names and (few or len(names) > 1):
                beside.append(Beside(split, outside, sorted(names), len(all_rows), few))
            rows[split] = inside if few else []
        found = {row: below[row][level] for own in rows.values() for row in own}
        if len(classes := set(found.values())) > 1 and not all(map(split_named, classes)):
            return [found.get(row, "") for row in range(len(splits))], beside
        level += 1
    return [""] * len(splits), [one for one in beside if not one.are_classes]


def fold_folders(splits: Sequence[str], folders: Sequence[list[str]]) -> dict[str, list[str]]:
    """Folders of the folds of a cross-validation, by split: all of its top folders are called so."""
    tops: dict[str, set[str]] = {}
    for split, inner in zip(splits, folders, strict=True):
        if inner:
            tops.setdefault(split, set()).add(inner[0])
    return {split: sorted(names) for split, names in tops.items() if all(map(is_fold, names))}
