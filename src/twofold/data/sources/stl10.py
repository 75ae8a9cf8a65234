"""STL-10."""

from pathlib import Path

import numpy as np

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Listing, Origin, files_stamp, list_arrays

_FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "unlabeled_X.bin", "class_names.txt")


class Stl10:
    """STL-10: 13,000 labelled and 100,000 unlabelled photographs, 96 x 96 (Coates et al. 2011)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "stl10",
            folders=("stl10_binary",),
            holding=_FILES,
            torchvision="STL10",
            put="stl10_binary.tar.gz (http://ai.stanford.edu/~acoates/stl10/)",
        )
        return origin_in("stl10", folder, lambda place, _: _listing(place))


def _listing(folder: Path) -> Listing:
    classes = tuple((folder / "class_names.txt").read_text().split())
    splits = {
        "train": (_images(folder / "train_X.bin"), _labels(folder / "train_y.bin")),
        "test": (_images(folder / "test_X.bin"), _labels(folder / "test_y.bin")),
        "unlabelled": (_images(folder / "unlabeled_X.bin"), None),
    }
    return list_arrays(splits, classes, files_stamp(folder / name for name in _FILES))


def _images(path: Path) -> np.ndarray:
    """Images are written channel after channel, and each channel column after column."""
    return np.memmap(path, np.uint8, mode="r").reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)


def _labels(path: Path) -> np.ndarray:
    """Labels are written from 1 to 10."""
    return np.fromfile(path, np.uint8).astype(np.int64) - 1
