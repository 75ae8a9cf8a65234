"""What a classifier says of every image of a folder."""

import csv
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from twofold.apply.classifier import Classifier
from twofold.apply.distance import FAR
from twofold.core.errors import TwofoldError
from twofold.core.files import write_aside
from twofold.data.listing import Listing
from twofold.data.pack import is_other_file
from twofold.data.picture import BrokenImage
from twofold.data.resolve import find_origin
from twofold.data.screen import Screen
from twofold.train.engine import Engine

COLUMNS = ("path", "class", "probability", "distance", "distance_percentile", "reason")

_BATCH = 64
_AHEAD = 2
"""Batches that are decoded while another one is classified."""


class Prediction(NamedTuple):
    """One image's row; of an image that cannot be read only ``path`` and ``reason`` are known.

    Args:
        path: Relative to the folder.
        name: Of the most probable class.
        probability: Of that class, in [0, 1].
        distance: To the training data: 1 minus the mean cosine to the nearest images.
        percentile: Share of held-out training images that were nearer, in [0, 100].
        reason: Why the image cannot be read.
    """

    path: str
    name: str = ""
    probability: float | None = None
    distance: float | None = None
    percentile: float | None = None
    reason: str = ""


@dataclass
class Summary:
    """Counts of predictions.

    Args:
        classes: Images by class.
        far: Images that are farther from the training data than almost all held-out ones.
        unreadable: Images that could not be read.
    """

    classes: Counter[str] = field(default_factory=Counter)
    far: int = 0
    unreadable: int = 0

    def add(self, one: Prediction) -> None:
        """Counts one more."""
        if one.percentile is None:
            self.unreadable += 1
        else:
            self.classes[one.name] += 1
            self.far += one.percentile > FAR


def predict(classifier: Classifier, data: str, *, engine: Engine, screen: Screen) -> Iterator[Prediction]:
    """Classifies every image, in the order of their paths. Images are decoded once and not stored.

    Args:
        classifier: What says it.
        data: A folder, an archive, or anything else that ``twofold pretrain`` takes.
        engine: Where it is computed.
        screen: Where progress is shown.

    Raises:
        UsageError: If there is no such data.
        TwofoldError: If there is no image in it.
    """
    classifier = engine.place(classifier)
    with closing(find_origin(data).listing()) as listing:
        if not listing.paths:
            others = f", only {len(listing.skipped):,} other files" if listing.skipped else ""
            raise TwofoldError(f"there is no image in {data}{others}")
        with screen.bar("predicting", len(listing.paths)) as advance:
            for paths, images in _decoded(listing, classifier):
                yield from _predictions(classifier, paths, images, engine)
                advance(len(paths))


def write_csv(predictions: Iterable[Prediction], path: Path) -> Summary:
    """Writes one row an image, all or nothing; bytes in names that are no UTF-8 stay as they are.

    Raises:
        TwofoldError: If the file cannot be written.
    """
    summary = Summary()
    try:
        with (
            write_aside(path) as aside,
            aside.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one in predictions:
                writer.writerow(
                    f"{value:.6g}" if isinstance(value, float) else "" if value is None else value
                    for value in one
                )
                summary.add(one)
    except OSError as error:
        raise TwofoldError(f"cannot write {path}: {error.strerror}") from None
    return summary


_Image = Tensor | str
"""Decoded pixels ``h w c``, or the reason why there are none."""


def _decoded(listing: Listing, classifier: Classifier) -> Iterator[tuple[Sequence[str], list[_Image]]]:
    """Paths and images batch by batch, decoded in threads: the decoders release the GIL."""

    def image(item: int) -> _Image:
        try:
            content = listing.read(item)
        except Exception as error:  # file systems, archives and foreign sources fail in their own ways
            return f"cannot be read: {error or type(error).__name__}"
        try:
            return classifier.transform.pixels(content)
        except BrokenImage as reason:
            return str(reason)

    with ThreadPoolExecutor(min(32, os.cpu_count() or 1), thread_name_prefix="decode") as pool:
        waiting = deque(
            range(start, min(start + _BATCH, len(listing.paths)))
            for start in range(0, len(listing.paths), _BATCH)
        )
        running: deque[tuple[range, Iterator[_Image]]] = deque()
        while waiting or running:
            while waiting and len(running) <= _AHEAD:
                batch = waiting.popleft()
                running.append((batch, pool.map(image, batch)))
            batch, images = running.popleft()
            yield [listing.paths[item] for item in batch], list(images)


def _predictions(
    classifier: Classifier, paths: Sequence[str], images: Sequence[_Image], engine: Engine
) -> Iterator[Prediction]:
    """In the order of the paths, but for files without a suffix that turned out to be no images."""
    views = [classifier.transform.view(image) for image in images if isinstance(image, Tensor)]
    said = iter(_said(classifier, torch.stack(views), engine) if views else ())
    for path, image in zip(paths, images, strict=True):
        if isinstance(image, Tensor):
            yield Prediction(path, *next(said))
        elif not is_other_file(path, image):
            yield Prediction(path, reason=image)


@torch.inference_mode()
def _said(classifier: Classifier, views: Tensor, engine: Engine) -> Iterator[tuple[str, float, float, float]]:
    with engine.autocast():
        output = classifier(views.to(engine.device))
    probability, number = output.probabilities.max(dim=1)
    columns = (number, probability, output.distance, output.percentile)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        yield classifier.about.classes[row[0]], *row[1:]
