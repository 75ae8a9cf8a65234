"""How embeddings lie in space."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core.errors import UsageError
from twofold.core.evaluation import Artefact, Score
from twofold.core.recipe import Recipe
from twofold.core.source import Images
from twofold.evaluations._look import Look
from twofold.evaluations._options import above_zero, at_least, some
from twofold.evaluations._pictures import Panel, charts
from twofold.evaluations._scores import FOUND
from twofold.evaluations._task import Embedded, channels_of, some_of
from twofold.metrics.collapse import distances, effective_rank, singular_values, uniformity
from twofold.metrics.i_nce import i_nce, nce_losses
from twofold.metrics.intervals import Estimate, mean
from twofold.views.asked import asked
from twofold.views.maker import ViewMaker

_RANKED = 10_000
_LOWEST = -6
"""Logarithm of the least singular value that is shown: features in float32 hold no smaller ones."""


@dataclass(frozen=True)
class Geometry:
    """Geometry of the embeddings: alignment, uniformity, RankMe, spectrum, I_NCE.

    Of ``h`` and, where a run has a projector of vectors, of ``z``. ``alignment`` and ``uniformity`` are those
    of Wang & Isola (ICML 2020, arXiv:2005.10242) with alpha = 2 and t = 2, on two views of judged images.
    ``rank`` is RankMe (Garrido et al., ICML 2023, arXiv:2210.02885) of the evaluation views of at most 10,000
    judged images, uncentred; a picture shows their singular values. ``i_nce`` is a lower bound on what two
    views have in common (van den Oord et al., 2018, arXiv:1807.03748), in nats, by cosines over a
    temperature.

    None of them alone tells good from bad: a random network aligns well, and noise is uniform.

    Args:
        recipe: Whose first two views are compared (``twofold views``): the same for every subject, at the
            size that it takes.
        images: At most so many judged images, drawn at random, are seen in two views.
        candidates: Images among which I_NCE picks the other view, if there are so many; it is at most the
            logarithm of that, and compares at equal numbers only.
        temperatures: Of I_NCE: that with the highest bound on as many images to fit on is taken.
    """

    shown: ClassVar[tuple[str, ...]] = ("alignment", "uniformity", "rank", "i_nce")
    measured: ClassVar[tuple[str, ...]] = (*shown, *(f"{metric}/z" for metric in shown))
    needs_labels: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("judge",)

    recipe: str = "C"
    images: int = 2048
    candidates: int = 1024
    temperatures: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5)

    def __post_init__(self) -> None:
        """Refuses to compare nothing.

        Raises:
            UsageError: If a number is too small, or there is no temperature.
        """
        at_least(2, self, "images", "candidates")
        some(self, "temperatures")
        above_zero(self, "temperatures")

    def __call__(self, embedded: Embedded) -> Iterator[Score | Artefact]:
        """Four figures of each space, and the spectra of all."""
        subject, task, look = embedded.subject, embedded.task, embedded.look
        judged, fitted = (self._two_views(images, look, task.seed) for images in (task.judge, task.fit))
        ranked = embedded.judge[:: math.ceil(len(embedded.judge) / _RANKED)]
        spectra = {}
        for space, project in look.spaces.items():
            pair = _Pair(*map(project, judged))
            vectors = project(ranked)
            spectra[space] = singular_values(vectors)
            figures = {
                "alignment": (mean(distances(*pair).square()), {"views_of": len(pair.one)}),
                "uniformity": (_exact(uniformity(pair.one)), {"views_of": len(pair.one)}),
                "rank": (_exact(effective_rank(vectors)), {"ranked": len(vectors)}),
                "i_nce": self._i_nce(pair, _Pair(*map(project, fitted))),
            }
            for metric, (estimate, own) in figures.items():
                name = metric if space == "h" else f"{metric}/{space}"
                protocol = {"recipe": self.recipe, "seed": task.seed, **embedded.protocol, **own}
                yield Score(subject, "geometry", name, *estimate, protocol, share=False)
        caption = (
            "Singular values of the embeddings of the judged images, the largest being 1. "
            "The sooner they fall, the fewer directions are used."
        )
        yield Artefact(subject, "geometry", "spectrum.png", _drawn(spectra), caption)

    def _i_nce(self, judged: "_Pair", fitted: "_Pair") -> tuple[Estimate, dict[str, Any]]:
        candidates = min(self.candidates, len(judged.one), len(fitted.one))

        def bound(pair: _Pair, temperature: float) -> Estimate:
            return mean(i_nce(nce_losses(*pair, candidates, temperature), candidates))

        chosen = max(self.temperatures, key=lambda temperature: bound(fitted, temperature).value)
        protocol = {
            "views_of": len(judged.one),
            "candidates": candidates,
            "temperatures": list(self.temperatures),
        }
        if len(self.temperatures) > 1:
            protocol["selected"] = "temperature of I_NCE, on views of the fitted images"
        return bound(judged, chosen), {**protocol, FOUND: {"temperature": chosen}}

    def _two_views(self, images: Images, look: Look, seed: int) -> "_Pair":
        some = some_of(images, self.images, seed)
        channels = channels_of(some)
        make = ViewMaker(self._pair_of_views(look.size), seed=seed, view_size=look.size, channels=channels)
        parts = []
        for rows in look.batches(some):
            views = make(some.read(rows), rows, epoch=0).views
            if any(view.pixels.shape[1:] != (channels, look.size, look.size) for view in views):
                raise UsageError(
                    f"recipe {self.recipe} makes no whole images whose embeddings can be compared"
                )
            parts.append([look.of_views(view.pixels) for view in views])
        return _Pair(*map(torch.cat, zip(*parts, strict=True)))

    def _pair_of_views(self, size: int) -> Recipe:
        recipe = asked(self.recipe, size)
        if len(recipe.expanded) < 2:
            raise UsageError(f"recipe {self.recipe} makes one view of an image, and two are compared")
        return replace(recipe, views=recipe.expanded[:2])


class _Pair(NamedTuple):
    """Embeddings of two views of the same images."""

    one: Float[Tensor, "n d"]
    other: Float[Tensor, "n d"]


def _exact(value: float) -> Estimate:
    """A figure without an interval."""
    return Estimate(value, value, value)


def _drawn(spectra: Mapping[str, Float[Tensor, " m"]]) -> bytes:
    lines = {}
    for space, values in spectra.items():
        heights = (values / values[0].clamp(min=1e-300)).log10().clamp(min=_LOWEST).tolist()
        lines[space] = [(float(place), height) for place, height in enumerate(heights, start=1)]
    longest = max(map(len, lines.values()))
    lowest = math.floor(min(height for line in lines.values() for _, height in line))
    levels = {float(level): f"{10.0**level:g}" for level in range(min(lowest, -1), 1)}
    places = {float(place): str(place) for place in sorted({1, (longest + 1) // 2, longest})}
    return charts(
        [Panel("Singular values", lines, "from the largest to the least", places, levels)], columns=1
    )
