"""From a batch of images to the views of a recipe."""

from itertools import groupby

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from twofold.core.batch import Batch, View
from twofold.core.errors import TwofoldError
from twofold.core.recipe import Recipe, ViewSpec
from twofold.core.source import Pixels
from twofold.views.counter import Counter
from twofold.views.ops.flips import Flip
from twofold.views.parameters import draw
from twofold.views.recipes import for_channels
from twofold.views.render import render

_ITEM_BITS = 40
"""Of the number that tells an image's random numbers; above them is how often it was met before."""


class ViewMaker:
    """Makes the views of a recipe: the same ones for the same seed, epoch and item, always.

    It holds no state and draws from no global generator, so that it may run in a thread of its own.

    Args:
        recipe: Which views. For gray images, what concerns colour is dropped.
        seed: Of the run.
        view_size: Side in pixels of views whose ``crop.side`` is 1.
        channels: Of the images: 1 or 3.

    Raises:
        TwofoldError: If there is another number of channels, or a twin of a view that is not there.
    """

    def __init__(self, recipe: Recipe, *, seed: int, view_size: int, channels: int) -> None:
        if channels not in (1, 3):
            raise TwofoldError(f"views are made of images with 1 or 3 channels, not {channels}")
        self.recipe = for_channels(recipe, channels)
        self.seed = seed
        self._channels = channels
        self.view_size = view_size
        self._drawn_alike = _drawn_alike(self.recipe)

    def __call__(
        self,
        images: Pixels,
        items: Int[np.ndarray, " b"],
        epoch: int,
        before: Int[np.ndarray, " b"] | int = 0,
    ) -> Batch:
        """All views of some images.

        Args:
            images: Colours in 0 to 255.
            items: Row of each image in the training data.
            epoch: Counted from 0; another epoch gives other views.
            before: How often each image was met in this epoch already; each time it has other views.
        """
        sizes, drawn = _sizes(images), items + (before << _ITEM_BITS)
        views: list[View] = []
        for spec, sources in self._drawn_alike:
            # in one go: the cost of drawing is that of its many small steps, hardly that of the numbers
            side = max(1, round(self.view_size * spec.crop.side))
            several = np.tile(sizes, (len(sources), 1))
            table = draw(spec, side, several, Counter(self.seed, epoch, sources, drawn))
            for start in range(0, len(several), len(items)):
                views.append(render(images, table.rows(slice(start, start + len(items)))))
        return Batch(tuple(views), torch.tensor(items, dtype=torch.int64), torch.from_numpy(sizes))

    def crops_alone(self) -> "ViewMaker":
        """Makes the same crops, mirrored alike, of which nothing else is changed."""
        recipe = self.recipe.each(lambda operation: operation if isinstance(operation, Flip) else None)
        return ViewMaker(recipe, seed=self.seed, view_size=self.view_size, channels=self._channels)


def _drawn_alike(recipe: Recipe) -> list[tuple[ViewSpec, list[int]]]:
    """Consecutive views that are made in the same way, and whose random numbers each of them takes."""
    pairs = zip(recipe.expanded, _sources(recipe), strict=True)
    alike = groupby(pairs, key=lambda pair: (pair[0].crop, pair[0].operations))
    groups = [list(group) for _, group in alike]
    return [(group[0][0], [source for _, source in group]) for group in groups]


def _sources(recipe: Recipe) -> list[int]:
    """Whose random numbers each view takes: its own, or those of the view whose twin it is."""
    sources: list[int] = []
    for position, view in enumerate(recipe.expanded):
        if view.twin is not None and not 0 <= view.twin < position:
            raise TwofoldError(
                f"view {position} of recipe {recipe.name} cannot be the twin of view {view.twin}: "
                "a twin comes after its original, and positions start at 0"
            )
        sources.append(position if view.twin is None else sources[view.twin])
    return sources


def _sizes(images: Pixels) -> Int[np.ndarray, "b 2"]:
    if isinstance(images, Tensor):
        return np.tile(np.array(images.shape[1:3], dtype=np.int64), (len(images), 1))
    return np.array([image.shape[:2] for image in images], dtype=np.int64)
