"""Fashion-MNIST."""

from twofold.data.downloads import found, origin_in
from twofold.data.idx import FILES, list_idx
from twofold.data.listing import Origin

_CLASSES = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
]


class FashionMnist:
    """Fashion-MNIST: 70,000 pictures of 10 kinds of clothes, gray, 28 x 28 (Xiao et al. 2017)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "fashion_mnist",
            folders=("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "fashion_mnist"),
            holding=FILES,
            torchvision="FashionMNIST",
            put="train-*.gz and t10k-*.gz (http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/) "
            "in the folder FashionMNIST/raw",
        )
        return origin_in("fashion_mnist", folder, lambda place, _: list_idx(place, _CLASSES))
