"""Oxford-IIIT Pets."""

from pathlib import Path

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Listing, Origin
from twofold.data.listings import list_files

_FILES = {"train": "trainval.txt", "test": "test.txt"}


class OxfordPets:
    """Oxford-IIIT Pets: 7,349 photographs of 37 breeds of cats and dogs (Parkhi et al. 2012)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "oxford_pets",
            folders=("oxford-iiit-pet",),
            holding=("images", "annotations/trainval.txt", "annotations/test.txt"),
            torchvision="OxfordIIITPet",
            put="images.tar.gz and annotations.tar.gz (https://www.robots.ox.ac.uk/~vgg/data/pets/) "
            "in the folder oxford-iiit-pet",
        )
        return origin_in("oxford_pets", folder, lambda place, _: _listing(place))


def _listing(folder: Path) -> Listing:
    """Lines are ``Abyssinian_100 1 1 1``; the breed is the file's name without its number."""
    return list_files(
        folder,
        [
            (f"images/{image}.jpg", split, image.rpartition("_")[0].lower())
            for split, name in _FILES.items()
            for image in (
                line.split()[0] for line in (folder / "annotations" / name).read_text().splitlines()
            )
        ],
    )
