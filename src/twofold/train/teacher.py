"""The teacher of a run: a classifier that ``twofold fit`` wrote, named among the run's parents."""

import hashlib
from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError, UsageError
from twofold.nn.class_network import ENCODER, HEAD, ClassNetwork, load_class_network


def teacher_of(folder: str, channels: int) -> dict[str, Any]:
    """What a run remembers of its teacher: where it lies, and a hash of what it knows.

    Args:
        folder: Of the classifier.
        channels: Of the images that it is to name.

    Raises:
        UsageError: If it is no classifier, or takes images of another kind.
        TwofoldError: If it is damaged.
    """
    path = Path(folder).resolve()
    takes = load_class_network(path).encoder.spec["channels"]
    if takes != channels:
        raise UsageError(f"the teacher {folder} takes images of {takes} channels, these have {channels}")
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


def _hash(folder: Path) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for name in (ENCODER, HEAD):
        hashed.update((folder / name).read_bytes())
    return hashed.hexdigest()
