"""How far embeddings move when images are changed."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from twofold.core.evaluation import Artefact, Score
from twofold.core.source import Images
from twofold.evaluations._changes import Change, changes
from twofold.evaluations._look import Look
from twofold.evaluations._options import at_least
from twofold.evaluations._pictures import Panel, charts, to_picture
from twofold.evaluations._task import Embedded, channels_of, some_of
from twofold.metrics.intervals import Estimate, averaged
from twofold.metrics.invariance import invariance
from twofold.views.counter import Counter
from twofold.views.evaluation import evaluation_view


@dataclass(frozen=True)
class Invariance:
    """Invariance: how little an embedding moves when its image is cropped, turned, recoloured, blurred ...

    The evaluation view of each image is changed by one operation at a time, at several strengths, the same
    way for every subject. A figure is 1 where an image and itself changed have cosine 1, and 0 where theirs
    is that of two different images, on average: a collapsed encoder is not invariant. The figure of an
    operation is the mean over its strengths. To what an encoder should be invariant depends on its use.

    Args:
        images: At most so many judged images, drawn at random.
    """

    shown: ClassVar[tuple[str, ...]] = ("crop", "hue", "rotation")
    needs_labels: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    images: int = 512

    def __post_init__(self) -> None:
        """Refuses to compare an image with no other.

        Raises:
            UsageError: If there are not two images.
        """
        at_least(2, self, "images")

    @property
    def measured(self) -> tuple[str, ...]:
        """Each operation, and each of its strengths where there are several."""
        tried = changes(channels=3, side=32)
        strengths = (
            (name, s) for name, change in tried.items() if len(change.strengths) > 1 for s in change.strengths
        )
        return (*tried, *(f"{name}/{strength:g}" for name, strength in strengths))

    def __call__(self, embedded: Embedded) -> Iterator[Score | Artefact]:
        """A figure of each operation and of each strength, where there are several; a picture of all."""
        look, seed = embedded.look, embedded.task.seed
        some = some_of(embedded.task.judge, self.images, seed)
        tried = changes(channels_of(some), look.size)
        estimates = _measured(tried, some, look, seed)
        for name, change in tried.items():
            about = {"unit": change.unit, "changed": len(some), "seed": seed, **embedded.protocol}
            each = estimates[name]
            protocol = {"strengths": list(change.strengths), **about}
            yield Score(embedded.subject, "invariance", name, *averaged(each), protocol)
            if len(each) == 1:
                continue
            for strength, estimate in zip(change.strengths, each, strict=True):
                protocol = {"strength": strength, **about}
                yield Score(embedded.subject, "invariance", f"{name}/{strength:g}", *estimate, protocol)
        caption = (
            "How little the embedding moves, by the strength of each change: "
            "100% is not at all, 0% as far as another image is away."
        )
        picture = _drawn(tried, estimates, some, look.size, seed)
        yield Artefact(embedded.subject, "invariance", "curves.png", picture, caption)


def _measured(tried: dict[str, Change], some: Images, look: Look, seed: int) -> dict[str, list[Estimate]]:
    """Of each change, the invariance at each strength."""
    originals: list[Tensor] = []
    changed: defaultdict[tuple[str, float], list[Tensor]] = defaultdict(list)
    for rows in look.batches(some):
        views, counter = evaluation_view(some.read(rows), look.size), Counter(seed, 0, 0, rows)
        originals.append(look.of_views(views))
        for name, change in tried.items():
            for strength in change.strengths:
                seen = look.of_views(change.apply(views, strength, counter))
                changed[name, strength].append(seen)
    original = torch.cat(originals)
    return {
        name: [invariance(original, torch.cat(changed[name, strength])) for strength in change.strengths]
        for name, change in tried.items()
    }


def _drawn(
    tried: dict[str, Change], estimates: dict[str, list[Estimate]], some: Images, side: int, seed: int
) -> bytes:
    rows = np.arange(1)
    view, counter = evaluation_view(some.read(rows), side), Counter(seed, 0, 0, rows)
    lowest = min(0.0, *(one.value for each in estimates.values() for one in each))
    levels = {half / 2: f"{half / 2:.0%}" for half in range(math.floor(2 * lowest), 3)}

    def panel(name: str, change: Change) -> Panel:
        places = {float(place): f"{strength:g}" for place, strength in enumerate(change.strengths)}
        points = [(place, one.value) for place, one in zip(places, estimates[name], strict=True)]
        small = [to_picture(change.apply(view, strength, counter)[0]) for strength in change.strengths]
        title = f"{name}: {averaged(estimates[name]).value:.0%}"
        return Panel(title, {name: points}, change.unit, places, levels, small)

    return charts([panel(name, change) for name, change in tried.items()], columns=3)
