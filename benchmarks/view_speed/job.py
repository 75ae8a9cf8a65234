"""What one arm is asked to do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Order = Iterable[list[int]]
"""Which images make the next batch, without end."""


@dataclass(frozen=True)
class Job:
    """One arm in one setting.

    Args:
        arm: Name of a file in ``view_speed/arms``.
        pixels: File of an array ``n h w 3`` of bytes; None where ``files`` are read.
        files: Folder of JPEG files.
        batch: Images a batch; two views are made of each.
        cores: What the process may run on.
        environment: Variables that are set before anything is imported.
    """

    arm: str
    pixels: Path | None
    files: Path | None
    batch: int
    cores: tuple[int, ...]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """Processes that load images beside the main one: none where there is one core."""
        return len(self.cores) if len(self.cores) > 1 else 0

    def images(self) -> Any:
        """All images as an array of bytes."""
        assert self.pixels is not None
        return np.load(self.pixels)

    def paths(self) -> list[str]:
        """All files."""
        assert self.files is not None
        return sorted(map(str, self.files.iterdir()))


class Shuffled:
    """Batches of random images, without end."""

    def __init__(self, total: int, batch: int) -> None:
        self.total, self.batch = total, batch

    def __iter__(self) -> Any:
        draw = np.random.default_rng(0)
        while True:
            yield draw.integers(self.total, size=self.batch).tolist()


class InOrder:
    """Batches of all images in their order, again and again."""

    def __init__(self, total: int, batch: int) -> None:
        self.total, self.batch = total, batch

    def __iter__(self) -> Any:
        start = 0
        while True:
            yield [(start + k) % self.total for k in range(self.batch)]
            start += self.batch
