"""A recipe says, as plain data, how the views of an image are drawn.

The papers' recipes are in ``twofold.views.recipes``; how a recipe is drawn and rendered is in
``twofold.views``. Here is only what a recipe *is*, because methods declare one and runs hash it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Crop:
    """Random resized crop.

    Args:
        scale: Range of the crop's area as a share of the image's.
        ratio: Range of width / height, drawn log-uniformly.
        side: Side of the view as a share of the run's view size (96-pixel local crops: 96 / 224).
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    side: float = 1.0


@dataclass(frozen=True)
class Flip:
    """Horizontal mirror with probability ``p``."""

    p: float = 0.5


@dataclass(frozen=True)
class Jitter:
    """Brightness, contrast and saturation by a factor in ``1 ± value``, hue by a turn in ``± value``.

    The four are applied in a random order, all of them or (with probability ``1 - p``) none.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    p: float = 0.8


@dataclass(frozen=True)
class Gray:
    """All channels replaced by the luma, with probability ``p``."""

    p: float = 0.2


@dataclass(frozen=True)
class Blur:
    """Gaussian blur with probability ``p``: kernel a tenth of the side, sigma in pixels at a side of 224."""

    p: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)


@dataclass(frozen=True)
class Solarize:
    """Values at or above ``threshold`` (of 1) are inverted, with probability ``p``."""

    p: float = 0.2
    threshold: float = 128 / 255


Operation = Crop | Flip | Jitter | Gray | Blur | Solarize


@dataclass(frozen=True)
class ViewSpec:
    """How one view is made: a crop, then operations in their order.

    Args:
        crop: Where the view looks.
        operations: Applied in this order; an operation may appear once.
        count: How many views are drawn like this.
        local: A small query-only view, which never makes a target (multi-crop).
    """

    crop: Crop = Crop()
    operations: tuple[Operation, ...] = ()
    count: int = 1
    local: bool = False


@dataclass(frozen=True)
class Recipe:
    """The views of one image, in the order in which the method receives them."""

    name: str
    views: tuple[ViewSpec, ...]

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
        return dataclasses.replace(
            self,
            views=tuple(
                dataclasses.replace(
                    view,
                    operations=tuple(o for o in view.operations if not isinstance(o, kinds)),
                )
                for view in self.views
            ),
        )


_KINDS = {kind.__name__: kind for kind in (Flip, Jitter, Gray, Blur, Solarize)}


def to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data for a run's spec; an operation is ``{"Jitter": {...}}``."""
    views = []
    for view in recipe.views:
        plain = dataclasses.asdict(view)
        plain["operations"] = [{type(o).__name__: dataclasses.asdict(o)} for o in view.operations]
        views.append(plain)
    return {"name": recipe.name, "views": json.loads(json.dumps(views))}


def from_json(plain: Mapping[str, Any]) -> Recipe:
    """The recipe that ``to_json`` described."""
    views = []
    for view in plain["views"]:
        operations = tuple(
            _KINDS[kind](**_tuples(o)) for each in view["operations"] for kind, o in each.items()
        )
        views.append(ViewSpec(Crop(**_tuples(view["crop"])), operations, view["count"], view["local"]))
    return Recipe(plain["name"], tuple(views))


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
