"""Splits made of splits: some rows of one, or several one after the other."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int, UInt8

from twofold.core.source import Images, Pixels


class Part:
    """Some rows of a split, in the order given."""

    def __init__(self, whole: Images, rows: Int[np.ndarray, " n"]) -> None:
        self._whole = whole
        self._rows = rows
        self.labels = None if whole.labels is None else whole.labels[rows]
        self.sizes = whole.sizes[rows]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._rows)

    @cached_property
    def paths(self) -> Sequence[str]:
        """Path of each image, relative to the data's root."""
        return [self._whole.paths[row] for row in self._rows]

    @property
    def digests(self) -> UInt8[np.ndarray, "n d"]:
        """Hash of each image as it is read."""
        digests: np.ndarray = self._whole.digests[self._rows]
        return digests

    def read(self, items: Int[np.ndarray, " b"]) -> Pixels:
        """Pixels of some rows, in the order asked for."""
        return _in_one_shape(self._whole.read(self._rows[items]), self.sizes)


class Joined:
    """Several splits, one after the other; without their labels, unless these are asked for."""

    labels: Int[np.ndarray, " n"] | None = None

    def __init__(self, parts: Sequence[Images], *, labels: bool = False) -> None:
        self._parts = parts
        if labels:
            self.labels = np.concatenate(
                [np.full(len(part), -1) if part.labels is None else part.labels for part in parts]
            )
        self._ends = np.cumsum([len(part) for part in parts])
        self.sizes = np.concatenate([part.sizes for part in parts])

    def __len__(self) -> int:
        """Number of images."""
        return int(self._ends[-1])

    @cached_property
    def paths(self) -> Sequence[str]:
        """Path of each image, relative to the data's root."""
        return [path for part in self._parts for path in part.paths]

    @property
    def digests(self) -> UInt8[np.ndarray, "n d"]:
        """Hash of each image as it is read."""
        return np.concatenate([part.digests for part in self._parts])

    def read(self, items: Int[np.ndarray, " b"]) -> Pixels:
        """Pixels of some rows, in the order asked for."""
        owner = np.searchsorted(self._ends, items, side="right")
        images = [torch.empty(0, dtype=torch.uint8)] * len(items)
        for number, part in enumerate(self._parts):
            asked = np.flatnonzero(owner == number)
            if len(asked):
                rows = items[asked] - (self._ends[number] - len(part))
                for position, image in zip(asked, part.read(rows), strict=True):
                    images[position] = image
        return _in_one_shape(images, self.sizes)


def _in_one_shape(images: Pixels, sizes: Int[np.ndarray, "n 2"]) -> Pixels:
    """A tensor exactly where all images of the split have one size."""
    if (sizes == sizes[0]).all():
        return images if isinstance(images, torch.Tensor) else torch.stack(images)
    return list(images)
