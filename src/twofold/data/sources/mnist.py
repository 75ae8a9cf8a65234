"""MNIST."""

from twofold.data.downloads import found, origin_in
from twofold.data.idx import FILES, list_idx
from twofold.data.listing import Origin

_CLASSES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]


class Mnist:
    """MNIST: 70,000 handwritten digits, gray, 28 x 28 (LeCun et al. 1998)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "mnist",
            folders=("MNIST/raw", "MNIST", "mnist"),
            holding=FILES,
            torchvision="MNIST",
            put="train-*.gz and t10k-*.gz (https://ossci-datasets.s3.amazonaws.com/mnist/) "
            "in the folder MNIST/raw",
        )
        return origin_in("mnist", folder, lambda place, _: list_idx(place, _CLASSES))
