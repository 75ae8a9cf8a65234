"""From a store and what the user says about labels to a Source."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped

from twofold.core.errors import UsageError
from twofold.core.source import Source
from twofold.data.images import StoredImages
from twofold.data.labels import from_csv, from_folders
from twofold.data.layout import splits_of, suffix_of, wrapping
from twofold.data.notes import notes
from twofold.data.screen import Screen
from twofold.data.store import Index, Store

_SPLITS = ("train", "val", "test", "unlabelled")


@dataclass(frozen=True)
class Opened:
    """A source and the store behind it.

    Args:
        rows: Which rows of the store each split consists of.
    """

    source: Source
    store: Store
    rows: Mapping[str, Int[np.ndarray, " n"]]


def assembled(store: Store, labels: str, screen: Screen) -> Opened:
    """The splits, labels and statistics of a store.

    Args:
        store: Holds at least one image.
        labels: ``auto``, ``folders``, ``none`` or a CSV file.
        screen: Told of what is left out.

    Raises:
        UsageError: If there are no such labels.
        TwofoldError: If a CSV file of labels does not fit the images.
    """
    index = store.index
    splits, folders = (list(index.splits), None) if index.splits is not None else splits_of(index.paths)
    for note in notes(index, splits, folders):
        screen.say(note)
    classes, numbers, splits = _labels(labels, index, splits, folders, screen)
    names = np.array(splits)
    rows = {split: np.flatnonzero(names == split) for split in _SPLITS if split in splits}
    skipped = _skipped(index, splits)
    _tell(skipped, screen)
    channels = int(index.rows["channels"].max())
    images = {
        split: StoredImages(store, chosen, _wanted(numbers[chosen]), channels)
        for split, chosen in rows.items()
    }
    mean, std = _statistics(index.rows[rows.get("train", rows.get("unlabelled", np.arange(len(store))))])
    used = np.concatenate(list(rows.values()))
    source = Source(
        name=index.name,
        splits=images,
        classes=classes,
        channels=channels,
        size=int(np.median(np.minimum(index.rows["height"], index.rows["width"])[used])),
        mean=mean[:channels],
        std=std[:channels],
        fingerprint=_fingerprint(index, splits, classes, numbers),
        skipped=skipped,
        place=index.place,
        value_range=index.value_range,
    )
    return Opened(source, store, rows)


def _labels(
    labels: str, index: Index, splits: list[str], folders: Sequence[list[str]] | None, screen: Screen
) -> tuple[tuple[str, ...], Int[np.ndarray, " n"], list[str]]:
    """Classes, labels and the splits, which a CSV file may say, too."""
    none = np.full(len(index.paths), -1, np.int64)
    if labels == "none":
        return (), none, splits
    if labels not in ("auto", "folders"):
        return from_csv(Path(labels).expanduser(), index.paths, splits, screen, index.place)
    if folders is not None:
        demanded = labels == "folders"
        return *from_folders(splits, folders, index.paths, screen, demanded=demanded), splits
    if labels == "folders":
        raise UsageError(f"--labels folders: {index.name} has no folders; use auto, none or a CSV file")
    numbers = none if index.labels is None else np.array(index.labels, np.int64)
    return tuple(index.classes), numbers, splits


def _wanted(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"] | None:
    return labels if (labels >= 0).any() else None


def _skipped(index: Index, splits: Sequence[str]) -> tuple[tuple[str, str], ...]:
    outside = [
        (path, "in no split: it lies outside of the folders of the splits")
        for path, split in zip(index.paths, splits, strict=True)
        if split not in _SPLITS
    ]
    return (*index.skipped, *((one.path, one.reason) for one in index.broken), *outside)


def _tell(skipped: Sequence[tuple[str, str]], screen: Screen) -> None:
    """One line that counts what was left out, by kind."""
    if skipped:
        kinds = Counter(_kind(path, reason) for path, reason in skipped)
        shown = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(4))
        screen.say(f"skipped {len(skipped):,} files: {shown}{' ...' if len(kinds) > 4 else ''}")


def _kind(path: str, reason: str) -> str:
    if reason == "not an image":
        return f"not images ({suffix_of(path) or 'no suffix'})"
    return reason.partition(":")[0]


def _statistics(rows: Shaped[np.ndarray, " n"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and standard deviations of the channels; every image weighs the same."""
    mean = rows["mean"].mean(axis=0, dtype=np.float64)
    square = rows["square"].mean(axis=0, dtype=np.float64)
    std = np.sqrt(np.maximum(square - mean**2, 1e-6))  # a constant image must not divide by zero
    return tuple(mean.tolist()), tuple(std.tolist())


def _fingerprint(
    index: Index, splits: Sequence[str], classes: Sequence[str], labels: Int[np.ndarray, " n"]
) -> str:
    """Hash of contents, paths, splits and labels.

    Paths start below the folders that wrap everything, so that a folder and its archive are the same
    data. Decode settings count by what they did to the pixels.
    """
    total = hashlib.blake2b(digest_size=16)
    for text in _lines(index, splits, classes, labels):
        total.update(text.encode("utf-8", "surrogateescape"))
        total.update(b"\0")
    total.update(np.ascontiguousarray(index.rows["digest"]).data)
    return total.hexdigest()


def _lines(
    index: Index, splits: Sequence[str], classes: Sequence[str], labels: Int[np.ndarray, " n"]
) -> Iterator[str]:
    kinds = [segment.kind for segment in index.segments]
    depth = wrapping(index.paths)
    yield from classes
    segments = index.rows["segment"].tolist()
    for path, split, label, segment in zip(index.paths, splits, labels.tolist(), segments, strict=True):
        yield f"{path.split('/', depth)[-1]}\0{split}\0{label}\0{kinds[segment]}"
