"""What travels from the views to the method and back to the loop."""

from collections.abc import Mapping
from typing import NamedTuple

from jaxtyping import Float, Int, Shaped
from torch import Tensor


class View(NamedTuple):
    """One view of every image of a batch.

    Args:
        pixels: Colours in [0, 1]; ``p`` counts the patches of one image where there are any.
        frame: Affine map from view to image coordinates. Both are measured in pixels with the
            origin at the top-left corner of the top-left pixel: ``(x, y)_image = frame @ (x, y, 1)``.
        tag: Rotation class, permutation or mask, where the recipe draws one.
    """

    pixels: Float[Tensor, "b *p c h w"]
    frame: Float[Tensor, "b *p 2 3"]
    tag: Shaped[Tensor, "b ..."] | None = None


class Batch(NamedTuple):
    """All views of a batch of images.

    Args:
        views: One entry a view of the recipe, in its order.
        item: Row of each image in the training data; what memories and queues are addressed by.
        size: Height and width of each image in pixels, which ``View.frame`` maps into.
        targets: Empty in pre-training, unless the method declares that it learns from labels.
    """

    views: tuple[View, ...]
    item: Int[Tensor, " b"]
    size: Int[Tensor, "b 2"]
    targets: Mapping[str, Tensor] = {}


class Progress(NamedTuple):
    """Where a training stands: ``step`` of ``total`` optimiser steps, in ``epoch`` of ``epochs``."""

    step: int
    total: int
    epoch: int
    epochs: int

    @property
    def fraction(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        return self.step / max(1, self.total)


class Step(NamedTuple):
    """What a method returns.

    Args:
        loss: Scalar to descend.
        seen: Detached values for the monitors, all made on the way to the loss anyway: nothing is computed
            for them. ``embedding``, n x d, of the first view of this process's images (unit rows are not
            required); ``positive``, of the same shape, what it should be like, and no other image should: the
            embedding of another view, a key or a memory; ``assignment``, n x k, the distributions over
            prototypes or outputs that views have to predict; and any scalar by its name, logged as it is.
    """

    loss: Float[Tensor, ""]
    seen: Mapping[str, Tensor] = {}
