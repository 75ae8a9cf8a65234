"""Imagenette."""

from collections.abc import Sequence
from pathlib import Path

from twofold.data.downloads import found, origin_in
from twofold.data.layout import images_among
from twofold.data.listing import Listing, Origin
from twofold.data.listings import list_files
from twofold.data.scan import File

_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


class Imagenette:
    """Imagenette: 13,394 photographs of 10 classes of ImageNet, short side 160 (Howard 2019)."""

    def open(self, data: str) -> Origin:
        """Finds (in any of its three sizes) or downloads it."""
        folder = found(
            "imagenette",
            folders=("imagenette2-160", "imagenette2-320", "imagenette2"),
            holding=("train", "val"),
            torchvision="Imagenette",
            options=({"size": "160px"},),
            put="imagenette2-160.tgz (https://github.com/fastai/imagenette), unpacked,",
        )
        return origin_in("imagenette", folder, _listing)


def _listing(folder: Path, files: Sequence[File]) -> Listing:
    """Files are ``train/<WordNet id>/<name>.JPEG``."""
    paths = [file.path for file in files]
    parts = [paths[position].split("/") for position in images_among(paths)[0]]
    return list_files(
        folder,
        [
            ("/".join(part), part[0], _CLASSES[part[1]])
            for part in parts
            if len(part) == 3 and part[1] in _CLASSES
        ],
    )
