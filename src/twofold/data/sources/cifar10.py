"""CIFAR-10."""

from twofold.data.cifar import list_cifar
from twofold.data.downloads import found, origin_in
from twofold.data.listing import Origin

_BATCHES = {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)}


class Cifar10:
    """CIFAR-10: 60,000 photographs of 10 kinds of things, 32 x 32 (Krizhevsky 2009)."""

    def open(self, data: str) -> Origin:
        """Finds or downloads it."""
        folder = found(
            "cifar10",
            folders=("cifar-10-batches-py",),
            holding=(*_BATCHES["train"], *_BATCHES["test"], "batches.meta"),
            torchvision="CIFAR10",
            put="cifar-10-python.tar.gz (https://www.cs.toronto.edu/~kriz/cifar.html)",
        )
        meta = ("batches.meta", "label_names")
        return origin_in("cifar10", folder, lambda place, _: list_cifar(place, _BATCHES, "labels", meta))
