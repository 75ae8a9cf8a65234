"""SVHN."""

from pathlib import Path

import numpy as np

from twofold.data.downloads import found
from twofold.data.listing import Listing, Origin, files_stamp, list_arrays

_FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}


class Svhn:
    """SVHN: 99,289 digits from photographs of house numbers, 32 x 32 (Netzer et al. 2011)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "svhn",
            folders=(".", "svhn", "SVHN"),
            holding=tuple(_FILES.values()),
            torchvision="SVHN",
            options=({"split": "train"}, {"split": "test"}),
            put="train_32x32.mat and test_32x32.mat (http://ufldl.stanford.edu/housenumbers/)",
        )
        files = [folder / name for name in _FILES.values()]
        stamp = files_stamp(files)
        return Origin("svhn", str(files[0].resolve()), stamp, lambda: _listing(folder, stamp))


def _listing(folder: Path, stamp: str) -> Listing:
    splits = {split: _read(folder / name) for split, name in _FILES.items()}
    return list_arrays(splits, tuple("0123456789"), stamp)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images are h w c n there, and the digit 0 has the label 10."""
    from scipy.io import loadmat  # type: ignore[import-untyped]

    content = loadmat(path)
    return content["X"].transpose(3, 0, 1, 2), content["y"].reshape(-1).astype(np.int64) % 10
