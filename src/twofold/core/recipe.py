"""A recipe says, as plain data, how the views of an image are drawn.

The papers' recipes are in ``twofold.views.recipes``, the operations in ``twofold.views.ops``. Here is
only what a recipe *is*, because methods declare one and runs hash it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.core.errors import UsageError

Interpolation = Literal["bilinear", "bicubic"]


@runtime_checkable
class Operation(Protocol):
    """What is done to a view: a frozen dataclass whose fields are its ranges, in a file of ``views/ops``.

    Among the values that ``draw`` returns, two names have a meaning of their own. ``move`` is the affine
    map from the coordinates of the changed view to those of the view before, in pixels with the origin at
    the top-left corner of the top-left pixel: it is taken into the view's frame. ``tag`` becomes the tag
    of the view. An operation on colours may have a method ``without_colour()``, which returns what is left
    of it for gray images: an operation or None.
    """

    @property
    def p(self) -> float:
        """Probability with which it is done to an image; what changes the shape is done to all."""
        ...

    def draw(self, counter: Any, side: int) -> Mapping[str, Shaped[np.ndarray, "n ..."]]:
        """The random parameters of ``n`` images, by name.

        Args:
            counter: A ``views.counter.Counter`` of those images.
            side: Height and width of the view in pixels.
        """
        ...

    @property
    def apply(self) -> Callable[..., Float[Tensor, "n ..."]]:
        """Called with images ``n c h w`` in [0, 1] and the values, none of which it changes.

        It returns the images themselves, or images in memory of their own.
        """
        ...


@dataclass(frozen=True)
class Crop:
    """Random resized crop, antialiased.

    Args:
        scale: Range of the crop's area as a share of the image's.
        ratio: Range of width / height, drawn log-uniformly.
        side: Side of the view as a share of the run's view size (96-pixel local crops: 96 / 224).
        top: Range of the crop's place as a share of the room above and below it: (0.5, 0.5) is the middle.
        left: The same for the room at its sides.
        interpolation: The filter: a triangle, or Keys' cubic with a = -0.5.

    Raises:
        UsageError: If a range is none, or leads out of the image.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    side: float = 1.0
    top: tuple[float, float] = (0.0, 1.0)
    left: tuple[float, float] = (0.0, 1.0)
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("scale", 1e-4, 1.0),
            ("ratio", 0.01, 100.0),
            ("top", 0.0, 1.0),
            ("left", 0.0, 1.0),
        ):
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise UsageError(
                    f"a crop with {name} from {low:g} to {high:g}: it is a range in {least:g} to {most:g}"
                )
        if self.side <= 0:
            raise UsageError(f"a crop with side {self.side:g}: it is a share of the view size, above 0")


MOST_VIEWS = 100
"""Of one image that are drawn alike."""


@dataclass(frozen=True)
class ViewSpec:
    """How one view is made: a crop, then operations in their order.

    Args:
        crop: Where the view looks.
        operations: Applied in this order; an operation may appear once (and once more after ``Patches``).
        count: How many views are drawn like this.
        local: A small query-only view, which never makes a target (multi-crop).
        twin: Position of an earlier view whose random numbers this one shares: the same crop where both
            crop alike, the same mirror, the same colours, as far as both have the operation.
    """

    crop: Crop = Crop()
    operations: tuple[Operation, ...] = ()
    count: int = 1
    local: bool = False
    twin: int | None = None

    def __post_init__(self) -> None:
        """Refuses numbers of views that nobody wants and that would fill the memory.

        Raises:
            UsageError: If there are fewer than none, or more than 100.
        """
        if not 0 <= self.count <= MOST_VIEWS:
            raise UsageError(f"{self.count} views alike: it is 0 to {MOST_VIEWS}")

    def __str__(self) -> str:
        count = f"{self.count} x " if self.count > 1 else ""
        words = [_in_words(self.crop), *map(_in_words, self.operations)]
        local = " [local]" if self.local else ""
        twin = "" if self.twin is None else f" [twin of {self.twin}]"
        return count + " > ".join(words) + local + twin


@dataclass(frozen=True)
class Recipe:
    """The views of one image, in the order in which the method receives them; one at least."""

    name: str
    views: tuple[ViewSpec, ...]

    def __post_init__(self) -> None:
        if not any(view.count for view in self.views):
            raise UsageError(f"recipe {self.name} has no views: give it one at least")

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"  {view}" for view in self.views)])

    @property
    def expanded(self) -> tuple[ViewSpec, ...]:
        """One entry a view: ``count`` unrolled."""
        return tuple(dataclasses.replace(view, count=1) for view in self.views for _ in range(view.count))

    @property
    def globals_(self) -> tuple[int, ...]:
        """Positions of the global views."""
        return tuple(i for i, view in enumerate(self.expanded) if not view.local)

    def without(self, *kinds: type) -> "Recipe":
        """The same recipe without some kinds of operation, as ``recipe.without(Blur)``."""
        return self.each(lambda operation: None if isinstance(operation, kinds) else operation)

    def each(self, change: Callable[[Operation], Operation | None]) -> "Recipe":
        """The same recipe with every operation changed, or left out where ``change`` gives None."""
        views = tuple(
            dataclasses.replace(
                view, operations=tuple(o for o in map(change, view.operations) if o is not None)
            )
            for view in self.views
        )
        return dataclasses.replace(self, views=views)


def _in_words(part: Any) -> str:
    """``Blur(p=0.5)``: the class, ``p`` or ``scale``, and the fields that are not at their default."""
    fields = [
        f"{f.name}={_rounded(getattr(part, f.name))}"
        for f in dataclasses.fields(part)
        if f.name in ("p", "scale") or getattr(part, f.name) != f.default
    ]
    return f"{type(part).__name__}({', '.join(fields)})"


def _rounded(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_rounded, value))})"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
