"""Country211."""

from twofold.data.downloads import found, origin_in
from twofold.data.listing import Origin
from twofold.data.listings import list_folder


class Country211:
    """Country211: 63,300 photographs from 211 countries (Radford et al. 2021)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "country211",
            folders=("country211",),
            holding=("train", "valid", "test"),
            torchvision="Country211",
            put="country211.tgz (https://github.com/openai/CLIP/blob/main/data/country211.md)",
        )
        return origin_in("country211", folder, list_folder)
