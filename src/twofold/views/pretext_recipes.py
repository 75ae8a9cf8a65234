"""What the papers did to their images, as data: patches, turned, split and masked views."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from twofold.core.colour_spaces import Space
from twofold.core.recipe import Crop, Operation, Recipe, ViewSpec
from twofold.views.ops.channels import ChannelDrop, Channels
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip, Turn
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.masks import BlockMask, RandomMask
from twofold.views.ops.noise import GaussianNoise
from twofold.views.ops.patches import Patches
from twofold.views.ops.spaces import ColourSpace
from twofold.views.recipes import A, C, E, dino

VIEW_OF_255 = 255 / 224
"""255 pixels where the run's views have 224: 3x3 cells of 85."""


def jigsaw(permutations: int | Literal["all"] = 1000) -> Recipe:
    """One view of 3x3 patches in another order, with gaps and jitter; the permutation is the tag.

    A crop of 255 pixels out of 292 in nine cells of 85, a patch of 64 anywhere in each.

    Args:
        permutations: Size of the set of permutations, or "all".

    Reference:
        Noroozi & Favaro, ECCV 2016 (1603.09246).
    """
    share = (255 / 292) ** 2
    crop = Crop(scale=(share, share), ratio=(1.0, 1.0), side=VIEW_OF_255)
    operations = (Flip(), Gray(p=0.66), Patches(permutations=permutations))
    return Recipe(f"jigsaw({permutations})", (ViewSpec(crop, operations),))


def jigsaw_branch(*views: ViewSpec, name: str, per_patch: Sequence[Operation], grid: int = 3) -> Recipe:
    """Views of whole images, and one of patches in any order, each patch with colours of its own.

    Args:
        views: Of whole images.
        name: Of the recipe.
        per_patch: Operations drawn for each patch.
        grid: Cells along each side. A patch takes 64 pixels of a cell of 85, the paper's, anywhere in it.

    Reference:
        Misra & van der Maaten, CVPR 2020 (1912.01991), section 3.
    """
    crop = Crop(scale=(0.6, 1.0), side=VIEW_OF_255)
    side, room = 64 / (85 * grid), 21 / (85 * grid)
    patches = Patches(grid, side, room, room, permutations="all")
    return Recipe(name, (*views, ViewSpec(crop, (Flip(), patches, *per_patch))))


def split(space: Space | Literal["rgb"] = "lab", scale: tuple[float, float] = (0.2, 1.0)) -> Recipe:
    """One crop in another colour space, its first channel as one view, the other two as another.

    Args:
        space: "rgb" splits the colours as they are.
        scale: Area of the crop, which both views share.

    Reference:
        Tian et al., ECCV 2020 (1906.05849); NeurIPS 2020 (2005.10243), section 4.2.
    """
    crop = Crop(scale=scale)
    shared: tuple[Operation, ...] = (Flip(),) if space == "rgb" else (Flip(), ColourSpace(space))
    first = ViewSpec(crop, (*shared, Channels((0,))))
    second = ViewSpec(crop, (*shared, Channels((1, 2))), twin=0)
    return Recipe(f"split {space}", (first, second))


def ibot(patch: int = 16, local_count: int = 10) -> Recipe:
    """DINO's views, the globals with a mask: none, or 10 to 50% of the patches, each half of the time.

    Args:
        patch: Side in pixels of the transformer's patches.
        local_count: How many local views are drawn.

    Reference:
        Zhou et al., ICLR 2022 (2111.07832), section 3 and appendix.
    """
    views = [
        view if view.local else replace(view, operations=(*view.operations, BlockMask(patch=patch)))
        for view in dino((0.25, 1.0), local_count, (0.05, 0.25)).views
    ]
    return Recipe(f"ibot+{local_count} local", tuple(views))


def can(patch: int = 16) -> Recipe:
    """Two noisy views with half of their patches masked, and the same two without noise.

    Noise is the difference of a view and its twin; it is not clipped.

    Args:
        patch: Side in pixels of the transformer's patches.

    Reference:
        Mishra et al., 2022 (2210.16870).
    """
    noisy = (*C.views[0].operations, GaussianNoise((0.0, 0.05), p=1.0, clip=False), RandomMask(patch=patch))
    crop = C.views[0].crop
    clean = [ViewSpec(crop, C.views[0].operations, twin=position) for position in (0, 1)]
    return Recipe("can", (ViewSpec(crop, noisy, count=2), *clean))


JIGSAW = jigsaw()
"""Jigsaw (1603.09246) with 1000 permutations."""

RELATIVE_POSITION = Recipe(
    "relative position",
    tuple(replace(view, operations=(Flip(), Gray(p=0.66), Patches())) for view in jigsaw(1).views),
)
"""Relative position (1505.05192): the nine patches in their order; as 1901.09005 has it."""

_COLOURS_OF_PATCHES = (Jitter(0.4, 0.4, 0.4, 0.4, p=1.0), Gray())

PIRL = jigsaw_branch(A.expanded[0], name="PIRL", per_patch=_COLOURS_OF_PATCHES)
"""PIRL (1912.01991): one view of the image, one of its patches."""

INFOMIN = jigsaw_branch(*E.views, name="InfoMin", per_patch=_COLOURS_OF_PATCHES)
"""InfoMin (2005.10243): query, key, and PIRL's patches, whose colours its code leaves as they are."""

CPC = Recipe(
    "CPC",
    (
        ViewSpec(
            Crop(scale=((256 / 300) ** 2,) * 2, ratio=(1.0, 1.0), side=256 / 224),
            (Flip(), Patches(grid=7, side=60 / 256, gap=-28 / 256, jitter=4 / 256)),
        ),
    ),
)
"""CPC (1807.03748): 7x7 patches half over each other, each moved by up to 4 pixels."""

CPC_V2 = Recipe(
    "CPC v2",
    (
        ViewSpec(
            Crop(scale=(0.3, 1.0), side=260 / 224),
            (Flip(), Patches(grid=6, side=80 / 260, gap=-44 / 260, jitter=0.0), ChannelDrop(p=0.8)),
        ),
    ),
)
"""CPC v2 (1905.09272): 6x6 patches, colours dropped in each. Shares of crops and drops are not published."""

ROTATION = Recipe(
    "rotation",
    tuple(
        ViewSpec(Crop(), (Flip(), Turn((quarters,))), twin=0 if quarters else None) for quarters in range(4)
    ),
)
"""Rotation (1803.07728): the same crop in its four rotations; the quarter turns are the tag."""

EXEMPLAR = Recipe("exemplar", (ViewSpec(Crop(), (Flip(), Gray(p=0.66)), count=8),))
"""Exemplar (1406.6909), as 1901.09005 has it: eight crops an image."""

CMC = split("lab")
"""CMC (1906.05849): L against ab."""

CROP_AND_FLIP = Recipe("crop and flip", (ViewSpec(Crop(scale=(0.2, 1.0)), (Flip(),)),))
"""CMC (1906.05849), where the encoder splits the colours."""
