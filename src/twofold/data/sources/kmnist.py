"""KMNIST."""

from twofold.data.downloads import found, origin_in
from twofold.data.idx import FILES, list_idx
from twofold.data.listing import Origin

_CLASSES = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class Kmnist:
    """KMNIST: 70,000 handwritten Hiragana of 10 kinds, gray, 28 x 28 (Clanuwat et al. 2018)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "kmnist",
            folders=("KMNIST/raw", "KMNIST", "kmnist"),
            holding=FILES,
            torchvision="KMNIST",
            put="train-*.gz and t10k-*.gz (http://codh.rois.ac.jp/kmnist/) in the folder KMNIST/raw",
        )
        return origin_in("kmnist", folder, lambda place, _: list_idx(place, _CLASSES))
