"""Oxford 102 Flowers."""

from pathlib import Path

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Listing, Origin
from twofold.data.listings import list_files

_SPLITS = {"train": "trnid", "val": "valid", "test": "tstid"}


class Flowers102:
    """Oxford 102 Flowers: 8,189 photographs of 102 flowers (Nilsback and Zisserman 2008)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "flowers102",
            folders=("flowers-102",),
            holding=("jpg", "imagelabels.mat", "setid.mat"),
            torchvision="Flowers102",
            put="102flowers.tgz, imagelabels.mat and setid.mat "
            "(https://www.robots.ox.ac.uk/~vgg/data/flowers/102/) in the folder flowers-102",
        )
        return origin_in("flowers102", folder, lambda place, _: _listing(place))


def _listing(folder: Path) -> Listing:
    """Images and labels are counted from 1; the flowers have numbers, no names."""
    from scipy.io import loadmat  # type: ignore[import-untyped]

    labels = loadmat(folder / "imagelabels.mat")["labels"].reshape(-1)
    parts = loadmat(folder / "setid.mat")
    return list_files(
        folder,
        [
            (f"jpg/image_{image:05d}.jpg", split, str(labels[image - 1]))
            for split, key in _SPLITS.items()
            for image in parts[key].reshape(-1).tolist()
        ],
    )
