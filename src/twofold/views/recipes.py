"""What the papers did to their images, as data: whole views, in pairs and with small ones beside them.

Recipes A to E are named by whom they serve. All crop, mirror with probability one half, and then
change the colours. Normalisation is not part of a recipe: the encoder owns it. Views of patches, turned,
split and masked views are in ``pretext_recipes``.
"""

import dataclasses
from collections.abc import Callable, Sequence

from twofold.core.recipe import Crop, Operation, Recipe, ViewSpec
from twofold.views.ops.autoaugment import AutoAugment
from twofold.views.ops.blur import REFERENCE_SIDE, Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import AdditiveJitter, Jitter
from twofold.views.ops.randaugment import RandAugment
from twofold.views.ops.solarize import Solarize

SMALL_VIEW = 64
"""Views up to this many pixels are not blurred: at 32 pixels the kernel would be a single neighbour."""

GRAY_CHANNELS = 1

Size = tuple[float, tuple[float, float], int]
"""Side as a share of the run's view size, range of the crop's area, number of views."""


def simclr(strength: float = 1.0, additive: bool = False) -> Recipe:
    """Recipe C with the colour strength ``s`` of the SimCLR paper.

    Args:
        strength: ``s`` scales the jitter ``(.8s, .8s, .8s, .2s)``: 1 for photographs, 0.5 for CIFAR.
        additive: Brightness is added, as in the code published first.

    Reference:
        Chen et al., ICML 2020 (2002.05709), appendix A.
    """
    kind = AdditiveJitter if additive else Jitter
    jitter = kind(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)
    name = "C" if strength == 1 else f"C(s={strength:g})"
    return pair(f"{name} additive" if additive else name, Crop(scale=(0.08, 1.0)), jitter, Gray(), Blur())


def pair(name: str, crop: Crop, *operations: Operation) -> Recipe:
    """Two views drawn alike: crop, mirror, operations."""
    return Recipe(name, (ViewSpec(crop, (Flip(), *operations), count=2),))


def single(base: Recipe) -> Recipe:
    """The first view of ``base`` alone, for methods that remember images instead of comparing views."""
    return Recipe(f"single {base.name}", base.expanded[:1])


def asymmetric(name: str, crop: Crop, first: Sequence[Operation], second: Sequence[Operation]) -> Recipe:
    """Two views that are cropped and mirrored alike and then changed by different operations."""
    return Recipe(name, tuple(ViewSpec(crop, (Flip(), *operations)) for operations in (first, second)))


def one_branch(*operations: Operation, crop: Crop = Crop()) -> Recipe:  # noqa: B008 (it is frozen)
    """One crop, mirrored or not, and the same crop with the operations: what they are worth alone.

    Reference:
        Chen et al., ICML 2020 (2002.05709), section 3.1.
    """
    names = " > ".join(type(operation).__name__ for operation in operations) or "identity"
    plain = ViewSpec(crop, (Flip(),))
    return Recipe(f"one branch: {names}", (plain, ViewSpec(crop, (Flip(), *operations), twin=0)))


def sizes(base: Recipe, wanted: Sequence[Size]) -> Recipe:
    """Multi-crop with any list of sizes, scales and counts.

    Views of the largest side are global, the others local. Each takes crop ratio and operations from the
    views of ``base`` in turn: with an asymmetric pair, every other view of a size is drawn like the second.

    Args:
        base: Its operations are taken.
        wanted: As ``[(1.0, (0.14, 1.0), 2), (96 / 224, (0.05, 0.14), 6)]``.

    Reference:
        Caron et al., NeurIPS 2020 (2006.09882), section 3.2.
    """
    largest = max(side for side, _, _ in wanted)
    drawn = [view for view in base.expanded if not view.local]
    views = [
        dataclasses.replace(
            drawn[position % len(drawn)],
            crop=dataclasses.replace(drawn[position % len(drawn)].crop, scale=scale, side=side),
            operations=_blurred_alike(drawn[position % len(drawn)].operations, side),
            local=side < largest,
        )
        for side, scale, count in wanted
        for position in range(count)
    ]
    names = "+".join(f"{count}x{side:.3g}" for side, _, count in wanted)
    return Recipe(f"{base.name} {names}", tuple(views))


def multi_crop(
    base: Recipe,
    globals_scale: tuple[float, float] = (0.14, 1.0),
    local_count: int = 6,
    local_scale: tuple[float, float] = (0.05, 0.14),
    local_side: float = 96 / 224,
) -> Recipe:
    """The global views of ``base``, and small local views beside them.

    Args:
        base: Its global views keep their operations; the locals take those of its first view.
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
        if not view.local
    )
    local_crop = dataclasses.replace(views[0].crop, scale=local_scale, side=local_side)
    operations = _blurred_alike(views[0].operations, local_side)
    local = ViewSpec(local_crop, operations, count=local_count, local=True)
    name = base.name if len(views) == len(base.views) else f"globals of {base.name}"
    return Recipe(f"{name}+{local_count} local", (*views, local))


def _blurred_alike(operations: Sequence[Operation], side: float) -> tuple[Operation, ...]:
    """For views of another side, which the papers blur by as many pixels as those of side 1."""
    return tuple(
        dataclasses.replace(o, sigma=(o.sigma[0] / side, o.sigma[1] / side)) if isinstance(o, Blur) else o
        for o in operations
    )


def blurred_at(base: Recipe, side: int) -> Recipe:
    """The views of ``base``, blurred by as many pixels where their side is this one as else where it is 224.

    Args:
        base: Its sigmas are those of 224 pixels.
        side: In pixels.
    """
    views = tuple(
        dataclasses.replace(view, operations=_blurred_alike(view.operations, side / REFERENCE_SIDE))
        for view in base.views
    )
    return Recipe(f"{base.name} blurred at {side}", views)


def bicubic(base: Recipe) -> Recipe:
    """The views of ``base``, resized by Keys' cubic.

    Reference:
        Zbontar et al., ICML 2021 (2103.03230), and its released code.
    """
    views = tuple(
        dataclasses.replace(view, crop=dataclasses.replace(view.crop, interpolation="bicubic"))
        for view in base.views
    )
    return Recipe(f"{base.name} bicubic", views)


def dino(
    globals_scale: tuple[float, float] = (0.4, 1.0),
    local_count: int = 8,
    local_scale: tuple[float, float] = (0.05, 0.4),
) -> Recipe:
    """Recipe D for the globals, and locals that are blurred half of the time.

    Args:
        globals_scale: (0.14, 1) for ResNets.
        local_count: How many local views are drawn.
        local_scale: (0.05, 0.14) for ResNets.

    Reference:
        Caron et al., ICCV 2021 (2104.14294), section 3.2.
    """
    recipe = multi_crop(D, globals_scale, local_count, local_scale)
    local = recipe.views[-1]
    blurred = tuple(dataclasses.replace(o, p=0.5) if isinstance(o, Blur) else o for o in local.operations)
    views = (*recipe.views[:-1], dataclasses.replace(local, operations=blurred))
    return Recipe(f"dino+{local_count} local", views)


def for_size(recipe: Recipe, view_size: int) -> Recipe:
    """The recipe as it is used for views of this side in pixels: small ones are not blurred."""
    return recipe.without(Blur) if view_size <= SMALL_VIEW else recipe


def for_channels(recipe: Recipe, channels: int) -> Recipe:
    """The recipe as it is used for images with so many channels.

    Gray images (``channels=1``) have neither saturation nor hue, and nothing to make gray;
    brightness and contrast stay. What is left of an operation is what its ``without_colour`` says.
    """
    return recipe.each(_colourless) if channels == GRAY_CHANNELS else recipe


def _colourless(operation: Operation) -> Operation | None:
    left: Callable[[], Operation | None] | None = getattr(operation, "without_colour", None)
    return operation if left is None else left()


A = pair("A", Crop(scale=(0.2, 1.0)), Jitter(0.4, 0.4, 0.4, 0.4, p=1.0), Gray())
"""InstDisc (1805.01978), MoCo v1 (1911.05722), PIRL (1912.01991)."""

A_CIFAR = dataclasses.replace(A.without(Flip), name="A-cifar")
"""InstDisc on CIFAR, as its code was published: not mirrored."""

B = pair("B", Crop(scale=(0.2, 1.0)), Jitter(0.4, 0.4, 0.4, 0.1), Gray(), Blur())
"""MoCo v2 (2003.04297), SimSiam (2011.10566)."""

B_CIFAR = dataclasses.replace(B.without(Blur), name="B-cifar")
"""MoCo and SimSiam on CIFAR (2011.10566, appendix D): no blur."""

C = simclr()
"""SimCLR (2002.05709), SwAV and DeepCluster-v2 (2006.09882)."""

C_CIFAR = dataclasses.replace(simclr(0.5).without(Blur), name="C-cifar")
"""SimCLR on CIFAR (2002.05709, appendix B.9): half the colour strength, no blur."""

C_BLURRED_AT_32 = blurred_at(C, 32)
"""SupCon, SwAV and DeepCluster-v2 on CIFAR, as re-implementations published it: sigmas in pixels."""

D = asymmetric(
    "D",
    Crop(scale=(0.08, 1.0)),
    (Jitter(0.4, 0.4, 0.2, 0.1), Gray(), Blur(p=1.0)),
    (Jitter(0.4, 0.4, 0.2, 0.1), Gray(), Blur(p=0.1), Solarize(p=0.2)),
)
"""BYOL (2006.07733), MoCo v3 (2104.02057), Barlow Twins (2103.03230), PixPro (2011.10043): asymmetric."""

D_CIFAR = dataclasses.replace(D.without(Blur), name="D-cifar")
"""BYOL and Barlow Twins on CIFAR: no blur."""

D_SYMMETRIC = pair(
    "D-symmetric", Crop(scale=(0.08, 1.0)), Jitter(0.4, 0.4, 0.2, 0.1), Gray(), Blur(), Solarize(p=0.1)
)
"""VICReg (2105.04906), where it is symmetric."""

E = pair("E", Crop(scale=(0.2, 1.0)), Jitter(0.8, 0.8, 0.8, 0.2), Blur(), RandAugment(), Gray())
"""InfoMin (2005.10243), without its jigsaw branch."""

AUTOAUGMENT = pair("AutoAugment", Crop(scale=(0.08, 1.0)), AutoAugment())
"""SupCon on ImageNet (2004.11362), where it did best."""

W_MSE = pair("W-MSE", Crop(scale=(0.2, 1.0)), Jitter(0.4, 0.4, 0.4, 0.1), Gray(p=0.1))
"""W-MSE (2007.06346)."""

LIGHT = pair("light", Crop(scale=(0.08, 1.0)))
"""Crop and mirror alone: supervised training, and weak views."""

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
