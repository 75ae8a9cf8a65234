"""What a data set is to the rest: splits of decoded images, addressed by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

Pixels = UInt8[Tensor, "b h w c"] | list[UInt8[Tensor, "_ _ c"]]
"""A batch of decoded images: one tensor where all have one size, else a list."""


@runtime_checkable
class Images(Protocol):
    """One split: ``n`` decoded images, read from a memory map by row.

    Attributes:
        paths: Where each image came from, relative to the data's root.
        labels: Class of each image, -1 where it has none; None where the split has no labels.
        sizes: Height and width of each stored image in pixels.
        digests: Hash of each image as it is read.
    """

    @property
    def paths(self) -> Sequence[str]:
        """Where each image came from."""
        ...

    @property
    def labels(self) -> Int[np.ndarray, " n"] | None:
        """Class of each image."""
        ...

    @property
    def sizes(self) -> Int[np.ndarray, "n 2"]:
        """Height and width of each image."""
        ...

    @property
    def digests(self) -> UInt8[np.ndarray, "n d"]:
        """Hash of each image as it is read."""
        ...

    def __len__(self) -> int: ...

    def read(self, items: Int[np.ndarray, " b"]) -> Pixels:
        """Pixels of some rows in the order asked for; a tensor exactly where the whole split has one size."""
        ...


@dataclass(frozen=True)
class Source:
    """A data set, decoded.

    Args:
        name: Short name, fit for a folder's name.
        splits: Among ``train``, ``val``, ``test``, ``unlabelled``; at least one.
        classes: Names of the classes; labels are positions in it. Empty where there are no labels.
        channels: 1 (gray) or 3.
        size: Typical short side of the images in pixels.
        mean: Channel means over the training images, in [0, 1].
        std: Channel standard deviations.
        fingerprint: Hash of the whole data, paths and labels included: figures of equal ones compare.
        skipped: Files that were left out, as (path, reason).
        place: Where it lies: an absolute path, or what it was opened by.
        value_range: What became black and white in images of more than 8 bits; None where there are none.
    """

    name: str
    splits: Mapping[str, Images]
    classes: tuple[str, ...]
    channels: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    skipped: tuple[tuple[str, str], ...] = ()
    place: str = ""
    value_range: tuple[float, float] | None = None
