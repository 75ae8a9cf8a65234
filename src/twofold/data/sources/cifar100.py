"""CIFAR-100."""

from twofold.data.cifar import list_cifar
from twofold.data.downloads import found, origin_in
from twofold.data.listing import Origin

_BATCHES = {"train": ("train",), "test": ("test",)}


class Cifar100:
    """CIFAR-100: 60,000 photographs of 100 kinds of things, 32 x 32 (Krizhevsky 2009)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "cifar100",
            folders=("cifar-100-python",),
            holding=("train", "test", "meta"),
            torchvision="CIFAR100",
            put="cifar-100-python.tar.gz (https://www.cs.toronto.edu/~kriz/cifar.html)",
        )
        meta = ("meta", "fine_label_names")
        return origin_in(
            "cifar100", folder, lambda place, _: list_cifar(place, _BATCHES, "fine_labels", meta)
        )
