"""Food-101."""

import json
from pathlib import Path

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Listing, Origin
from twofold.data.listings import list_files


class Food101:
    """Food-101: 101,000 photographs of 101 dishes (Bossard et al. 2014)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "food101",
            folders=("food-101",),
            holding=("images", "meta/train.json", "meta/test.json"),
            torchvision="Food101",
            put="food-101.tar.gz (http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz)",
        )
        return origin_in("food101", folder, lambda place, _: _listing(place))


def _listing(folder: Path) -> Listing:
    return list_files(
        folder,
        [
            (f"images/{image}.jpg", split, dish)
            for split in ("train", "test")
            for dish, images in json.loads((folder / f"meta/{split}.json").read_text()).items()
            for image in images
        ],
    )
