"""What the user is told of how data was understood, wherever it may have been meant otherwise."""

from collections.abc import Iterator, Sequence

import numpy as np

from twofold.data.classes import Beside, fold_folders
from twofold.data.layout import inner_splits
from twofold.data.picture import MORE_PAGES
from twofold.data.store import Index

_SHOWN = 3


def notes(index: Index, splits: Sequence[str], folders: Sequence[list[str]] | None) -> Iterator[str]:
    """Of folds, of splits below classes, and of pages.

    Args:
        index: Of the store.
        splits: Split of each image, as its folders say it.
        folders: Below the split, of each image; None where they say nothing.
    """
    if folders is not None:
        for folds in fold_folders(splits, folders).values():
            yield (
                f"the folders {shortened(folds)} are taken for folds of a cross-validation: they are no "
                "classes, and their images are not kept apart; to judge on one of them, call it test"
            )
        if inner := inner_splits(folders):
            yield (
                f"the folders {', '.join(inner)} lie below others and are no splits there: "
                "their images are not kept apart; put these folders at the top"
            )
    formats = index.rows["format"]
    paged = int(np.char.endswith(formats, MORE_PAGES.encode()).sum())
    if paged:
        yield f"{paged:,} files have several pages or frames: the first page of each is read"


def of_images_beside(one: Beside, paths: Sequence[str]) -> str:
    """Of images beside class folders."""
    own = f"{len(one.rows):,} of {one.total:,} images of {one.split}"
    where = f"beside the folders {shortened(one.folders)}, as {paths[one.rows[0]]}"
    if one.are_classes:
        return f"{own} lie {where}: they have no label"
    return f"{own} lie {where}: so these are taken for no classes; --labels folders takes them for classes"


def shortened(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
