"""The teacher of a run: a classifier that ``twofold fit`` wrote, named among the run's parents."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError, UsageError
from twofold.nn.class_network import ENCODER, HEAD, ClassNetwork, load_class_network


def teacher_of(folder: str, channels: int, classes: Sequence[str] | None = None) -> dict[str, Any]:
    """What a run remembers of its teacher: where it lies, and a hash of what it knows.

    Args:
        folder: Of the classifier.
        channels: Of the images that it is to name.
        classes: Names of the classes, where labels are learned from beside it.

    Raises:
        UsageError: If it is no classifier, takes images of another kind, or names them otherwise than labels.
        TwofoldError: If it is damaged.
    """
    path = Path(folder).resolve()
    network = load_class_network(path)
    takes = network.encoder.spec["channels"]
    if takes != channels:
        raise UsageError(f"the teacher {folder} takes images of {takes} channels, these have {channels}")
    if classes is not None and tuple(classes) != network.classes:
        raise UsageError(
            f"the teacher {folder} knows the classes {_listed(network.classes)}, the labels name "
            f"{_listed(classes)}: give labels of the teacher's classes, or leave --alpha away"
        )
    return {"teacher": str(path), "teacher_hash": _hash(path)}


def load_teacher(parents: dict[str, Any]) -> ClassNetwork:
    """The teacher that a run names.

    Raises:
        TwofoldError: If it is gone, damaged or another one by now.
    """
    path = Path(parents["teacher"])
    network = load_class_network(path)
    if _hash(path) != parents["teacher_hash"]:
        raise TwofoldError(f"the teacher {path} is not the one that the run began with: it has changed")
    return network


def _listed(classes: Sequence[str]) -> str:
    return ", ".join([*classes[:5], *(["..."] if len(classes) > 5 else [])])


def _hash(folder: Path) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for name in (ENCODER, HEAD):
        hashed.update((folder / name).read_bytes())
    return hashed.hexdigest()
