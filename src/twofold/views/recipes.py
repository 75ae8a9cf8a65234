"""What the papers did to their images, as data.

Recipes A to D are named by whom they serve. All crop, mirror with probability one half, and then
change the colours. Normalisation is not part of a recipe: the encoder owns it.
"""

import dataclasses
from collections.abc import Callable

from twofold.core.recipe import Crop, Operation, Recipe, ViewSpec
from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.solarize import Solarize

SMALL_VIEW = 64
"""Views up to this many pixels are not blurred: at 32 pixels the kernel would be a single neighbour."""

GRAY_CHANNELS = 1


def simclr(strength: float = 1.0) -> Recipe:
    """Recipe C with the colour strength ``s`` of the SimCLR paper.

    Args:
        strength: ``s`` scales the jitter ``(.8s, .8s, .8s, .2s)``: 1 for photographs, 0.5 for CIFAR.

    Reference:
        Chen et al., ICML 2020 (2002.05709), appendix A.
    """
    jitter = Jitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)
    name = "C" if strength == 1 else f"C(s={strength:g})"
    return _pair(name, Crop(scale=(0.08, 1.0)), jitter, Gray(), Blur())


def multi_crop(
    base: Recipe,
    globals_scale: tuple[float, float] = (0.14, 1.0),
    local_count: int = 6,
    local_scale: tuple[float, float] = (0.05, 0.14),
    local_side: float = 96 / 224,
) -> Recipe:
    """The views of ``base`` as globals, and small local views beside them.

    Args:
        base: Its views keep their operations; the locals take those of its first view.
        globals_scale: Area of the global crops as a share of the image's.
        local_count: How many local views are drawn.
        local_scale: Area of the local crops.
        local_side: Side of the local views as a share of the run's view size.

    Reference:
        Caron et al., NeurIPS 2020 (2006.09882), section 3.2.
    """
    views = tuple(
        dataclasses.replace(view, crop=dataclasses.replace(view.crop, scale=globals_scale))
        for view in base.views
    )
    local_crop = dataclasses.replace(base.views[0].crop, scale=local_scale, side=local_side)
    local = ViewSpec(local_crop, base.views[0].operations, count=local_count, local=True)
    return Recipe(f"{base.name}+{local_count} local", (*views, local))


def for_size(recipe: Recipe, view_size: int) -> Recipe:
    """The recipe as it is used for views of this side in pixels: small ones are not blurred."""
    return recipe.without(Blur) if view_size <= SMALL_VIEW else recipe


def for_channels(recipe: Recipe, channels: int) -> Recipe:
    """The recipe as it is used for images with so many channels.

    Gray images (``channels=1``) have neither saturation nor hue, and nothing to make gray;
    brightness and contrast stay.
    """
    return recipe.each(_colourless) if channels == GRAY_CHANNELS else recipe


def _colourless(operation: Operation) -> Operation | None:
    left: Callable[[], Operation | None] | None = getattr(operation, "without_colour", None)
    return operation if left is None else left()


def _pair(name: str, crop: Crop, *operations: Operation) -> Recipe:
    return Recipe(name, (ViewSpec(crop, (Flip(), *operations), count=2),))


def _byol() -> Recipe:
    crop, shared = Crop(scale=(0.08, 1.0)), (Flip(), Jitter(0.4, 0.4, 0.2, 0.1), Gray())
    first = ViewSpec(crop, (*shared, Blur(p=1.0)))
    second = ViewSpec(crop, (*shared, Blur(p=0.1), Solarize(p=0.2)))
    return Recipe("D", (first, second))


A = _pair("A", Crop(scale=(0.2, 1.0)), Jitter(0.4, 0.4, 0.4, 0.4, p=1.0), Gray())
"""InstDisc (1805.01978), MoCo v1 (1911.05722), PIRL (1912.01991)."""

B = _pair("B", Crop(scale=(0.2, 1.0)), Jitter(0.4, 0.4, 0.4, 0.1), Gray(), Blur())
"""MoCo v2 (2003.04297), SimSiam (2011.10566)."""

C = simclr()
"""SimCLR (2002.05709), SwAV and DeepCluster-v2 (2006.09882)."""

C_CIFAR = dataclasses.replace(simclr(0.5).without(Blur), name="C-cifar")
"""SimCLR on CIFAR (2002.05709, appendix B.9): half the colour strength, no blur."""

D = _byol()
"""BYOL (2006.07733), MoCo v3 (2104.02057), Barlow Twins (2103.03230), PixPro (2011.10043): asymmetric."""

TINTED = Recipe(
    "tinted",
    (
        ViewSpec(
            Crop(scale=(0.5, 1.0)),
            (Jitter(0.8, 0.8, 0.8, 0.5, p=1.0), Gray(0.5), Solarize(0.5)),
            count=2,
        ),
    ),
)
"""For signs in arbitrary colours (quickstart); of no paper. Colour and polarity say nothing there and are
distorted beyond recognition; nothing is mirrored, because a mirrored sign is another sign."""
