"""EuroSAT."""

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Origin
from twofold.data.listings import list_folder


class Eurosat:
    """EuroSAT: 27,000 satellite pictures of 10 kinds of land, 64 x 64 (Helber et al. 2019)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "eurosat",
            folders=("eurosat/2750", "EuroSAT"),
            holding=("AnnualCrop", "SeaLake"),
            torchvision="EuroSAT",
            put="EuroSAT.zip (https://github.com/phelber/EuroSAT) in the folder eurosat",
        )
        return origin_in("eurosat", folder, list_folder)
