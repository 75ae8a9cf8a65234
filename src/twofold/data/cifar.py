"""The python version of CIFAR-10 and CIFAR-100."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twofold.core.errors import TwofoldError
from twofold.data.listing import Listing, files_stamp, list_arrays

_ALLOWED = frozenset({"_reconstruct", "ndarray", "dtype", "scalar", "encode"})


def list_cifar(
    folder: Path, batches: Mapping[str, Sequence[str]], label: str, meta: tuple[str, str]
) -> Listing:
    """Images and labels of pickled batches.

    Args:
        folder: Of the batches.
        batches: File names, by split.
        label: Key of the labels in a batch.
        meta: File of the class names, and their key in it.
    """
    splits = {
        split: _joined([_unpickled(folder / file) for file in files], label)
        for split, files in batches.items()
    }
    classes = tuple(_unpickled(folder / meta[0])[meta[1]])
    names = [file for files in batches.values() for file in files]
    return list_arrays(splits, classes, files_stamp(folder / name for name in (*names, meta[0])))


def _joined(parts: Sequence[dict[str, Any]], label: str) -> tuple[np.ndarray, np.ndarray]:
    images = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, np.concatenate([part[label] for part in parts])


class _ArraysOnly(pickle.Unpickler):
    """Refuses whatever a pickled array does not need: a pickle may run any code."""

    def find_class(self, module: str, name: str) -> Any:
        if name not in _ALLOWED or module.partition(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        return super().find_class(module, name)


def _unpickled(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = _ArraysOnly(file, encoding="latin1").load()
    except Exception as error:  # hostile bytes make pickle raise whatever it likes
        told = error or type(error).__name__
        raise TwofoldError(f"{path} cannot be read: {told}; remove it and download it again") from None
    if not isinstance(content, dict):
        raise TwofoldError(f"{path} holds no batch of images; remove it and download it again")
    return content
