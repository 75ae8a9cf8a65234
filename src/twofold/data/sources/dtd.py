"""Describable Textures."""

from pathlib import Path

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Listing, Origin
from twofold.data.listings import list_files

_FILES = {"train": "train1.txt", "val": "val1.txt", "test": "test1.txt"}


class Dtd:
    """Describable Textures: 5,640 photographs of 47 kinds, first partition (Cimpoi et al. 2014)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "dtd",
            folders=("dtd/dtd", "dtd"),
            holding=("images", *(f"labels/{name}" for name in _FILES.values())),
            torchvision="DTD",
            put="dtd-r1.0.1.tar.gz (https://www.robots.ox.ac.uk/~vgg/data/dtd/) in the folder dtd",
        )
        return origin_in("dtd", folder, lambda place, _: _listing(place))


def _listing(folder: Path) -> Listing:
    """Lines are ``banded/banded_0002.jpg``."""
    return list_files(
        folder,
        [
            (f"images/{image}", split, image.partition("/")[0])
            for split, name in _FILES.items()
            for image in (folder / "labels" / name).read_text().split()
        ],
    )
