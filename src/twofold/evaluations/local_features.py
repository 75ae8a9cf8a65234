"""What the feature maps of an encoder's stages tell apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import ImageColor
from torch import Tensor
from torch.nn import functional

from twofold.core.colour_spaces import luma
from twofold.core.evaluation import Artefact, Score
from twofold.core.source import Images
from twofold.evaluations._kmeans import kmeans, nearest
from twofold.evaluations._look import Look
from twofold.evaluations._options import at_least, some
from twofold.evaluations._pictures import beside_each_other
from twofold.evaluations._task import Embedded, some_of
from twofold.metrics.intervals import Estimate, averaged, mean
from twofold.nn.encoder import Encoder
from twofold.views.evaluation import evaluation_view

_MOST_STAGES = 5
"""Of more feature maps, so many at even steps are looked at: transformers have one a block."""

_DRAWN = 10
_COLOURS = (
    *("#e6194b", "#0082c8", "#ffe119", "#3cb44b", "#911eb4", "#f58231", "#46f0f0", "#fabebe"),
    *("#808000", "#000080", "#aaffc3", "#800000", "#e6beff", "#008080", "#ffd8b1", "#9a6324"),
)
"""One a cluster; they repeat after the sixteenth."""


@dataclass(frozen=True)
class LocalFeatures:
    """Local features: k-means over the places of each stage's feature map, drawn in colours over images.

    What gets a colour of its own is told apart without labels: parts of objects, in good networks (Chen, Luo
    & Li, NeurIPS 2021, arXiv:2011.02803). The vectors of all places are scaled to unit length, and the
    centres are those of images to fit on. ``explained/<stage>`` is the share of the vectors' variance over
    judged images that lies between clusters, ``explained`` its mean over the stages: it tells how simple the
    maps are, not how good. Raw pixels, which have no maps, are not judged.

    Args:
        clusters: Numbers of centres: each has figures, and a row of every picture.
        images: At most so many images to fit on, and as many judged ones, drawn at random.
        places: Vectors of each image, drawn at random; all where there are fewer.
    """

    shown: ClassVar[tuple[str, ...]] = ("explained",)
    needs_labels: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    clusters: tuple[int, ...] = (4, 8, 16)
    images: int = 128
    places: int = 128

    def __post_init__(self) -> None:
        """Refuses to look at nothing.

        Raises:
            UsageError: If a number is too small.
        """
        at_least(2, self, "images")
        some(self, "clusters")
        at_least(1, self, "clusters", "places")

    def __call__(self, embedded: Embedded) -> Iterator[Score | Artefact]:
        """Figures and a picture of each stage."""
        look, seed = embedded.look, embedded.task.seed
        if look.encoder is None:
            return
        fit, judge = (
            some_of(images, self.images, seed) for images in (embedded.task.fit, embedded.task.judge)
        )
        about = {
            "places": self.places,
            "fitted": len(fit),
            "looked_at": len(judge),
            "seed": seed,
            **embedded.protocol,
        }
        explained: dict[int, dict[int, Estimate]] = {count: {} for count in self.clusters}
        for number in _looked_at(look.encoder):
            stage = _Stage(look, look.encoder, number - 1)
            fitted, judged = (stage.vectors(images, self.places, seed) for images in (fit, judge))
            centres = {count: _centres(fitted, count, seed) for count in self.clusters}
            for count, found in centres.items():
                explained[count][number] = _explained(judged, found)
            yield Artefact(
                embedded.subject,
                "local_features",
                f"stage{number}.png",
                stage.drawn(judge, [*centres.values()]),
                f"What the feature map after stage {number} of {look.encoder.stages} tells apart: "
                f"{' / '.join(map(str, centres))} clusters of its places.",
            )
        for count, stages in explained.items():
            figures = {"explained": averaged([*stages.values()])}
            figures |= {f"explained/{number}": estimate for number, estimate in stages.items()}
            for metric, estimate in figures.items():
                protocol = {"clusters": count, **about}
                yield Score(embedded.subject, "local_features", metric, *estimate, protocol)


@dataclass(frozen=True)
class _Stage:
    """One stage of a subject's encoder."""

    look: Look
    encoder: Encoder
    number: int

    def vectors(self, images: Images, most: int, seed: int) -> Float[Tensor, "n p d"]:
        """Unit vectors at places drawn for each image."""
        random, found = np.random.default_rng(seed), []
        for rows in self.look.batches(images):
            places = self._maps(evaluation_view(images.read(rows), self.look.size)).flatten(2).mT
            drawn = random.random(places.shape[:2]).argsort(axis=1)[:, :most]
            chosen = torch.from_numpy(drawn).to(places.device)
            found.append(places.take_along_dim(chosen[:, :, None], dim=1))
        return torch.cat(found)

    def drawn(self, images: Images, centres: Sequence[Float[Tensor, "_ d"]]) -> bytes:
        """Images, and under each of them its clusters in colours, a row for each number of them."""
        views = evaluation_view(images.read(np.arange(min(len(images), _DRAWN))), self.look.size)
        maps = self._maps(views)
        return beside_each_other([views, *(_painted(views, maps, found) for found in centres)])

    def _maps(self, views: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d gh gw"]:
        maps = self.look.of_views(views, partial(self.encoder.grid, stage=self.number))
        return functional.normalize(maps, dim=1)


def _centres(vectors: Float[Tensor, "n p d"], count: int, seed: int) -> Float[Tensor, "k d"]:
    random = np.random.default_rng(seed)
    return kmeans(vectors.flatten(0, 1), count, starts=3, random=random).centres


def _painted(
    views: Float[Tensor, "n c h w"], maps: Float[Tensor, "n d gh gw"], centres: Float[Tensor, "k d"]
) -> Float[Tensor, "n 3 h w"]:
    """Gray images in the colours of their clusters."""
    owner = nearest(maps.movedim(1, 3).flatten(0, 2), centres).view(len(maps), 1, *maps.shape[2:])
    owner = functional.interpolate(owner.double(), views.shape[2:]).long()[:, 0].cpu()
    colours = torch.tensor([ImageColor.getrgb(colour) for colour in _COLOURS]) / 255
    painted = colours[owner % len(_COLOURS)].movedim(3, 1)
    return (luma(views) + painted) / 2


def _looked_at(encoder: Encoder) -> list[int]:
    """Numbers of the stages, from 1."""
    steps = np.linspace(1, encoder.stages, min(encoder.stages, _MOST_STAGES))
    return [round(step) for step in steps.tolist()]


def _explained(vectors: Float[Tensor, "n p d"], centres: Float[Tensor, "k d"]) -> Estimate:
    """The share of the variance that lies between clusters, 1 where there is none, for other images, too."""
    every = vectors.flatten(0, 1)
    left = (vectors - centres[nearest(every, centres)].view_as(vectors)).square().sum(dim=(1, 2))
    whole = (vectors - every.mean(dim=0)).square().sum(dim=(1, 2))
    average = whole.mean().clamp(min=1e-12)
    share = left.mean() / average
    value, half = 1 - share.item(), mean((left - share * whole) / average).high
    return Estimate(value, value - half, value + half)
