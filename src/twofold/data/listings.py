"""Listings of files: all of a folder, or some by name."""

from collections.abc import Sequence
from pathlib import Path

from twofold.data.labels import numbered
from twofold.data.layout import images_among
from twofold.data.listing import Listing, file_stamp
from twofold.data.scan import File


def list_folder(folder: Path, files: Sequence[File]) -> Listing:
    """The images among the files of a folder; splits and classes are what its folders say."""
    chosen, others = images_among([file.path for file in files])
    images = [files[position] for position in chosen]
    return Listing(
        paths=[file.path for file in images],
        stamps=[file.stamp for file in images],
        read=lambda item: (folder / images[item].path).read_bytes(),
        skipped=tuple(others),
    )


def list_files(folder: Path, entries: Sequence[tuple[str, str, str]]) -> Listing:
    """A listing of files below ``folder``, given as (path, split, class); what is not there is skipped."""
    present = [entry for entry in entries if (folder / entry[0]).is_file()]
    missing = [(path, "listed, but not there") for path, _, _ in entries if not (folder / path).is_file()]
    classes, labels = numbered([kind for _, _, kind in present])
    return Listing(
        paths=[path for path, _, _ in present],
        stamps=[file_stamp(folder / path) for path, _, _ in present],
        read=lambda item: (folder / present[item][0]).read_bytes(),
        skipped=tuple(missing),
        splits=[split for _, split, _ in present],
        labels=labels.tolist(),
        classes=classes,
    )
