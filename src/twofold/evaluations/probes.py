"""What embeddings still know of how their image was changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.evaluation import Score
from twofold.core.source import Images
from twofold.evaluations._changes import changes
from twofold.evaluations._head import fit_mlp
from twofold.evaluations._look import Look
from twofold.evaluations._options import at_least
from twofold.evaluations._task import Embedded, channels_of, some_of
from twofold.metrics.intervals import wilson
from twofold.views.counter import Counter
from twofold.views.evaluation import evaluation_view
from twofold.views.ops import colour
from twofold.views.ops.edges import Sobel

_NOISE = 0.1
"""Its standard deviation."""


@dataclass(frozen=True)
class _Change:
    """What is done to an image of each kind.

    Args:
        apply: Does it to all images, given the kind of each.
        shares: Of the kinds among the images.
    """

    apply: Callable[[Tensor, Tensor, Counter], Tensor]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Probes:
    """What h and z know: a network with one hidden layer tells what was done to an image.

    Four questions (Chen et al., ICML 2020, arXiv:2002.05709, section 4.2): is the image in colour or gray (a
    fifth of them is), by how many quarters was it turned, is it as it was or noisy, is it as it was or seen
    through a Sobel filter. A figure is the share of the judged images of which that is told rightly,
    from ``h`` and, where a run has a projector of vectors, from ``z``; its protocol tells what a guess gets.
    The paper pre-trains with each of the changes as an augmentation: what a recipe has taught to ignore is
    gone from ``z``, while ``h`` keeps it. Raw pixels are not judged: a hidden layer as wide as an image would
    take hours.

    Args:
        images: At most so many images to fit on, and as many judged ones, drawn at random.
    """

    shown: ClassVar[tuple[str, ...]] = (
        *("colour", "rotation", "noise", "sobel"),
        *("colour/z", "rotation/z", "noise/z", "sobel/z"),
    )
    needs_labels: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    images: int = 5000

    def __post_init__(self) -> None:
        """Refuses what cannot be told apart.

        Raises:
            UsageError: If there are not two images.
        """
        at_least(2, self, "images")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """A figure of each question and space; gray images are not asked for their colour."""
        task, look = embedded.task, embedded.look
        if embedded.subject == "pixels":
            return
        fit, judge = (some_of(images, self.images, task.seed) for images in (task.fit, task.judge))
        asked_of = _changes(channels_of(fit), look.size)
        seen = [_changed(images, asked_of, look, task.seed, side) for side, images in enumerate((fit, judge))]
        for name, change in asked_of.items():
            (h, kinds), (asked, truth) = (side[name] for side in seen)
            protocol = {
                "guess": max(change.shares),
                "kinds": len(change.shares),
                "fitted": len(fit),
                "asked": len(judge),
                "seed": task.seed,
                **embedded.protocol,
            }
            for space, project in look.spaces.items():
                probe = fit_mlp(project(h), kinds, len(change.shares), task.seed)
                with torch.no_grad():
                    right = probe(project(asked)).argmax(dim=1) == truth
                metric = name if space == "h" else f"{name}/{space}"
                estimate = wilson(int(right.sum()), len(right))
                yield Score(
                    embedded.subject,
                    "probes",
                    metric,
                    *estimate,
                    protocol,
                    per_image=right.double().cpu().numpy(),
                )


def _changes(channels: int, side: int) -> dict[str, _Change]:
    noisy = changes(channels, side)["noise"].apply
    found = {
        "rotation": _Change(lambda views, kind, _: _turned(views, kind), (0.25,) * 4),
        "noise": _Change(
            lambda views, kind, counter: _where(kind, noisy(views, _NOISE, counter), views), (0.5, 0.5)
        ),
        "sobel": _Change(lambda views, kind, _: _where(kind, Sobel().apply(views), views), (0.5, 0.5)),
    }
    gray = _Change(lambda views, kind, _: _where(kind, colour.gray(views), views), (0.8, 0.2))
    return {"colour": gray, **found} if channels == 3 else found


def _changed(
    images: Images, asked_of: dict[str, _Change], look: Look, seed: int, side: int
) -> dict[str, "_Changed"]:
    """Features of the evaluation views changed in each way, and what was done to each.

    Both sides have random numbers of their own: noise that was fitted on is not met again.
    """
    found: dict[str, list[_Changed]] = {name: [] for name in asked_of}
    with look.screen.bar("changed images", len(images)) as advance:
        for rows in look.batches(images):
            counter = Counter(seed, 0, side, rows)
            drawn = counter.uniform("probes.kind")
            views = evaluation_view(images.read(rows), look.size)
            for name, change in asked_of.items():
                ends = np.cumsum(change.shares)[:-1]
                kinds = torch.from_numpy(np.searchsorted(ends, drawn, side="right"))
                h = look.of_views(change.apply(views, kinds, counter))
                found[name].append(_Changed(h, kinds.to(h.device)))
            advance(len(rows))
    return {name: _Changed(*map(torch.cat, zip(*parts, strict=True))) for name, parts in found.items()}


class _Changed(NamedTuple):
    h: Float[Tensor, "n d"]
    kinds: Int[Tensor, " n"]


def _where(kind: Int[Tensor, " n"], one: Tensor, other: Tensor) -> Float[Tensor, "n c h w"]:
    """One where the kind is 1, the other where it is 0."""
    return torch.where((kind == 1)[:, None, None, None], one, other)


def _turned(views: Float[Tensor, "n c h w"], quarters: Int[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    turned = [torch.rot90(view, int(number), (1, 2)) for view, number in zip(views, quarters, strict=True)]
    return torch.stack(turned)
