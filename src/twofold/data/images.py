"""One split of a store, read by row."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from os import getpid

import numpy as np
import simplejpeg
import torch
from jaxtyping import Int, UInt8

from twofold.core.errors import TwofoldError
from twofold.core.source import Pixels
from twofold.data.store import Store
from twofold.data.threads import worker_count


class StoredImages:
    """Some rows of a store.

    Args:
        store: Where the pixels are.
        rows: Rows of the store, in the order of this split.
        labels: Class of each, -1 where it has none; None where the split has no labels.
        channels: Of what is read; 3 repeats the one channel of gray images.
    """

    def __init__(
        self,
        store: Store,
        rows: Int[np.ndarray, " n"],
        labels: Int[np.ndarray, " n"] | None,
        channels: int,
    ) -> None:
        self.labels = labels
        self._store = store
        self._maps = store.maps
        self._raw = [segment.kind == "raw" for segment in store.index.segments]
        self._all_paths = store.index.paths
        self._rows = rows
        self._channels = channels
        table = store.index.rows[rows]
        self._segment, self._offset = table["segment"], table["offset"]
        self._length, self._own_channels = table["length"], table["channels"]
        self.sizes: Int[np.ndarray, "n 2"] = np.stack([table["height"], table["width"]], axis=1).astype(
            np.int64
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self._rows)

    @cached_property
    def paths(self) -> Sequence[str]:
        """Path of each image, relative to the data's root."""
        return [self._all_paths[row] for row in self._rows]

    @property
    def digests(self) -> UInt8[np.ndarray, "n d"]:
        """Hash of each image's pixels, whether they are kept as JPEG, and the channels it is read with."""
        kept = np.array(self._raw, np.uint8)[self._segment]
        channels = np.full_like(kept, self._channels)
        return np.column_stack([self._store.index.rows["digest"][self._rows], kept, channels])

    def read(self, items: Int[np.ndarray, " b"]) -> Pixels:
        """Pixels of some rows, in the order asked for; a tensor exactly where all images have one size.

        Raises:
            TwofoldError: If the store was damaged meanwhile.
        """
        self._store.refuse_cut_off()
        try:
            images = self._decoded(items)
        except ValueError as error:  # JPEG that was whole when it was written
            folder = self._store.folder
            raise TwofoldError(f"{folder} is damaged ({error}): remove it, and start again") from error
        if self._one_size is None:
            return [
                torch.from_numpy(np.array(np.broadcast_to(i, (*i.shape[:2], self._channels)))) for i in images
            ]
        batch = np.empty((len(items), *self._one_size, self._channels), np.uint8)
        for position, image in enumerate(images):
            batch[position] = image
        return torch.from_numpy(batch)

    @cached_property
    def _one_size(self) -> tuple[int, int] | None:
        if len(self) and (self.sizes == self.sizes[0]).all():
            return int(self.sizes[0, 0]), int(self.sizes[0, 1])
        return None

    def _decoded(self, items: Int[np.ndarray, " b"]) -> list[UInt8[np.ndarray, "h w c"]]:
        stored = zip(
            self._segment[items].tolist(),
            self._offset[items].tolist(),
            self._length[items].tolist(),
            self.sizes[items].tolist(),
            self._own_channels[items].tolist(),
            strict=True,
        )
        waiting = []
        for segment, offset, length, (height, width), channels in stored:
            content = self._maps[segment][offset : offset + length]
            if self._raw[segment]:
                waiting.append(content.reshape(height, width, channels))
            else:
                waiting.append(_threads(getpid()).submit(_from_jpeg, content, channels))
        return [image if isinstance(image, np.ndarray) else image.result() for image in waiting]


def _from_jpeg(content: UInt8[np.ndarray, " bytes"], channels: int) -> UInt8[np.ndarray, "h w c"]:
    pixels: np.ndarray = simplejpeg.decode_jpeg(content, "GRAY" if channels == 1 else "RGB")
    return pixels


@cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Kept from batch to batch; a forked process has lost its parent's threads and takes its own."""
    return ThreadPoolExecutor(worker_count(), thread_name_prefix="jpeg")
