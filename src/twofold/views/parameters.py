"""The random parameters of one view of a whole batch, as one table.

A table says everything about a view but the pixels, so that each renderer of the same table makes
the same view.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Interpolation, Operation, ViewSpec
from twofold.views.counter import Counter
from twofold.views.ops.crop import random_boxes
from twofold.views.ops.flips import Flip
from twofold.views.ops.geometry import frames
from twofold.views.ops.patches import Patches

Values = Mapping[str, Shaped[np.ndarray, "b ..."]]


@dataclass(frozen=True)
class Effect:
    """An operation, with what was drawn for each image, or for each of its ``p`` patches.

    Args:
        operation: What is done.
        chosen: Which images or patches it is done to.
        values: Its parameters by name, for all images, chosen or not.
    """

    operation: Operation
    chosen: Bool[np.ndarray, "b *p"]
    values: Values

    def rows(self, some: slice) -> "Effect":
        """The same for some of the images."""
        values = {name: value[some] for name, value in self.values.items()}
        return Effect(self.operation, self.chosen[some], values)


@dataclass(frozen=True)
class ViewTable:
    """One view of each image of a batch.

    Args:
        side: Height and width of the view in pixels, before it is cut into patches.
        boxes: Top, left, height and width of the crop in pixels of the image.
        flip: Whether the crop is mirrored left to right.
        effects: What is done after that, in this order.
        interpolation: How the crop is resized.
    """

    side: int
    boxes: Int[np.ndarray, "b 4"]
    flip: Bool[np.ndarray, " b"]
    effects: tuple[Effect, ...]
    interpolation: Interpolation = "bilinear"

    def __len__(self) -> int:
        return len(self.flip)

    def rows(self, some: slice) -> "ViewTable":
        """The same for some of the images."""
        effects = tuple(effect.rows(some) for effect in self.effects)
        return ViewTable(self.side, self.boxes[some], self.flip[some], effects, self.interpolation)

    def frame(self) -> Float[Tensor, "b *p 2 3"]:
        """Affine maps from the pixel coordinates of the view, or of its patches, to those of the image."""
        frame = frames(self.boxes, self.flip, self.side)
        for effect in self.effects:
            if "move" in effect.values:
                frame = _after(frame, effect.values["move"])
        return frame

    def tag(self) -> Shaped[Tensor, "b ..."] | None:
        """What the operations tell about each image, where one does."""
        for effect in self.effects:
            if "tag" in effect.values:
                return torch.from_numpy(effect.values["tag"])
        return None


def draw(view: ViewSpec, side: int, sizes: Int[np.ndarray, "b 2"], counter: Counter) -> ViewTable:
    """Draws the parameters of one view.

    A mirror is part of the crop, wherever it stands among the operations on the whole view.

    Args:
        view: How it is made.
        side: Height and width of the view in pixels.
        sizes: Height and width of each image in pixels.
        counter: The random numbers of this view of these images.

    Raises:
        TwofoldError: If an operation appears twice, or two operations tag the view.
    """
    _check(view)
    flip = np.zeros(len(sizes), dtype=bool)
    effects: list[Effect] = []
    shape: tuple[int, ...] = (len(sizes),)
    inner, inner_side = counter, side
    for operation in view.operations:
        if isinstance(operation, Flip) and inner is counter:
            flip = counter.uniform("flip") < operation.p
            continue
        effects.append(_effect(operation, inner, inner_side, shape))
        if isinstance(operation, Patches):
            shape, inner = (len(sizes), operation.count), counter.patches(operation.count)
            inner_side = operation.pixels(side).side
    boxes = random_boxes(view.crop, sizes, counter)
    table = ViewTable(side, boxes, flip, tuple(effects), view.crop.interpolation)
    if sum("tag" in effect.values for effect in effects) > 1:
        raise TwofoldError(f"a view has one tag, but several operations set it: {view}")
    return table


def _effect(operation: Operation, counter: Counter, side: int, shape: tuple[int, ...]) -> Effect:
    slot = f"{type(operation).__name__.lower()}.apply"
    chosen = counter.uniform(slot) < operation.p
    values = dict(operation.draw(counter, side))
    if "move" in values:
        values["move"] = np.where(_beside(chosen, values["move"]), values["move"], np.eye(2, 3))
    if "tag" in values:
        values["tag"] = np.where(_beside(chosen, values["tag"]), values["tag"], np.zeros_like(values["tag"]))
    values = {name: value.reshape(*shape, *value.shape[1:]) for name, value in values.items()}
    return Effect(operation, chosen.reshape(shape), values)


def _beside(chosen: Bool[np.ndarray, " n"], values: Shaped[np.ndarray, "n ..."]) -> Bool[np.ndarray, "n ..."]:
    return chosen.reshape(-1, *[1] * (values.ndim - 1))


def _after(
    frame: Float[Tensor, "b *p 2 3"], move: Float[np.ndarray, "b *q 2 3"]
) -> Float[Tensor, "b *q 2 3"]:
    """The frame of a view that was moved inside its old frame."""
    moved = torch.from_numpy(move).to(frame.dtype)
    if moved.ndim > frame.ndim:
        frame = frame[:, None]
    turned = frame[..., :2] @ moved[..., :2]
    place = frame[..., :2] @ moved[..., 2:] + frame[..., 2:]
    return torch.cat([turned, place], dim=-1)


def _check(view: ViewSpec) -> None:
    names = [type(operation).__name__ for operation in view.operations]
    cut = names.index("Patches") + 1 if "Patches" in names else len(names)
    for part in (names[:cut], names[cut:]):
        for name in part:
            if part.count(name) > 1:
                raise TwofoldError(f"a view has each operation once, but {name} is there twice: {view}")
