"""The idx files of MNIST and its successors."""

import gzip
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twofold.core.errors import TwofoldError
from twofold.data.listing import Listing, files_stamp, list_arrays

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
"""What such a data set consists of."""

_UNSIGNED_BYTE = 8


def list_idx(folder: Path, classes: Sequence[str]) -> Listing:
    """Images and labels of the four files of such a data set, each perhaps with ``.gz``."""
    train, train_labels, test, test_labels = (_read(folder / name) for name in FILES)
    splits = {"train": (train, train_labels), "test": (test, test_labels)}
    return list_arrays(splits, tuple(classes), files_stamp(_there(folder / name) for name in FILES))


def _there(path: Path) -> Path:
    return path if path.exists() else Path(f"{path}.gz")


def _read(path: Path) -> np.ndarray:
    """An array in idx format: two zero bytes, type, rank, sizes (big-endian), values.

    Raises:
        TwofoldError: If the file is damaged or holds no bytes.
    """
    try:
        content = _there(path).read_bytes()
        data = content if path.exists() else gzip.decompress(content)
        zero, kind, rank = struct.unpack_from(">HBB", data)
        if zero != 0 or kind != _UNSIGNED_BYTE:
            raise ValueError("not an idx file of bytes")
        shape = struct.unpack_from(f">{rank}I", data, 4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise TwofoldError(f"{path} cannot be read: {error}; remove it and download it again") from None
