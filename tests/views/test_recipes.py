"""The table of augmentation recipes, as the papers have it."""

import dataclasses

import pytest

from twofold.core.errors import UsageError
from twofold.core.recipe import Crop, Recipe
from twofold.methods.simclr import SimCLR
from twofold.methods.supcon import SupCon
from twofold.views.ops.autoaugment import AutoAugment
from twofold.views.ops.blur import Blur
from twofold.views.ops.channels import Channels
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import AdditiveJitter, Jitter
from twofold.views.ops.masks import BlockMask, RandomMask
from twofold.views.ops.noise import GaussianNoise
from twofold.views.ops.patches import Patches
from twofold.views.ops.randaugment import RandAugment
from twofold.views.ops.solarize import Solarize
from twofold.views.pretext_recipes import CMC, CPC, JIGSAW, PIRL, ROTATION, can, ibot, jigsaw_branch
from twofold.views.recipes import (
    AUTOAUGMENT,
    C_CIFAR,
    A,
    B,
    C,
    D,
    E,
    dino,
    for_channels,
    for_size,
    multi_crop,
    one_branch,
    simclr,
    sizes,
)

CROP = {"A": (0.2, 1.0), "B": (0.2, 1.0), "C": (0.08, 1.0), "D": (0.08, 1.0)}
JITTER = {
    "A": Jitter(0.4, 0.4, 0.4, 0.4, p=1.0),
    "B": Jitter(0.4, 0.4, 0.4, 0.1, p=0.8),
    "C": Jitter(0.8, 0.8, 0.8, 0.2, p=0.8),
    "D": Jitter(0.4, 0.4, 0.2, 0.1, p=0.8),
}
BLUR = {"A": [], "B": [Blur(p=0.5)] * 2, "C": [Blur(p=0.5)] * 2, "D": [Blur(p=1.0), Blur(p=0.1)]}
SOLARIZE = {"A": [], "B": [], "C": [], "D": [Solarize(p=0.2, threshold=128 / 255)]}


def found(recipe, kind):
    return [o for view in recipe.expanded for o in view.operations if isinstance(o, kind)]


@pytest.mark.parametrize("recipe", [A, B, C, D], ids=lambda recipe: recipe.name)
def test_recipes_are_those_of_the_papers(recipe):
    assert [view.crop for view in recipe.expanded] == [Crop(CROP[recipe.name], (3 / 4, 4 / 3))] * 2
    assert found(recipe, Flip) == [Flip(0.5)] * 2
    assert found(recipe, Jitter) == [JITTER[recipe.name]] * 2
    assert found(recipe, Gray) == [Gray(0.2)] * 2
    assert found(recipe, Blur) == BLUR[recipe.name]
    assert found(recipe, Solarize) == SOLARIZE[recipe.name]
    assert recipe.globals_ == (0, 1)


def test_only_the_second_view_of_byol_is_solarized():
    first, second = D.expanded
    assert not any(isinstance(o, Solarize) for o in first.operations)
    assert any(isinstance(o, Solarize) for o in second.operations)


def test_strength_scales_the_jitter_of_simclr():
    assert found(simclr(0.5), Jitter) == [Jitter(0.4, 0.4, 0.4, 0.1, p=0.8)] * 2
    assert simclr() == C
    assert simclr(0.5).name != C.name


def test_simclr_on_cifar_has_half_the_strength_and_no_blur():
    assert found(C_CIFAR, Jitter) == found(simclr(0.5), Jitter)
    assert not found(C_CIFAR, Blur)


def test_small_views_are_not_blurred():
    assert for_size(C, 224) == C
    assert not found(for_size(C, 32), Blur)
    assert found(for_size(D, 32), Solarize)


def test_multi_crop_keeps_the_globals_and_adds_locals():
    recipe = multi_crop(C)
    assert recipe.globals_ == (0, 1)
    assert [view.local for view in recipe.expanded] == [False] * 2 + [True] * 6
    assert {view.crop.scale for view in recipe.expanded[:2]} == {(0.14, 1.0)}
    assert {(view.crop.scale, view.crop.side) for view in recipe.expanded[2:]} == {((0.05, 0.14), 96 / 224)}
    unblurred = {view.operations for view in recipe.without(Blur).expanded}
    assert unblurred == {C.without(Blur).views[0].operations}


def test_multi_crop_of_multi_crop_keeps_none_of_its_locals():
    once = multi_crop(D)
    again = multi_crop(once, local_count=2)
    assert again.views == multi_crop(D, local_count=2).views
    assert again.name == "globals of D+6 local+2 local"
    assert sizes(once, [(1.0, (0.2, 1.0), 4)]).views == sizes(D, [(1.0, (0.2, 1.0), 4)]).views


def test_supcon_has_autoaugment_and_no_other_change_of_colours():
    assert SupCon.views == AUTOAUGMENT and "recipe" not in SupCon.presets["imagenet"]
    assert [type(o).__name__ for o in AUTOAUGMENT.expanded[1].operations] == ["Flip", "AutoAugment"]
    assert found(AUTOAUGMENT, AutoAugment) == [AutoAugment("imagenet", p=1.0)] * 2


def test_infomin_has_randaugment_before_gray():
    kinds = [type(operation).__name__ for operation in E.views[0].operations]
    assert kinds == ["Flip", "Jitter", "Blur", "RandAugment", "Gray"]
    assert found(E, Jitter) == [Jitter(0.8, 0.8, 0.8, 0.2, p=0.8)] * 2
    assert found(E, RandAugment) == [RandAugment(count=2, magnitude=10.0, noise=0.5, share=0.5)] * 2
    assert E.views[0].crop.scale == (0.2, 1.0)


def test_any_sizes_take_the_operations_of_the_base_in_turn():
    recipe = sizes(D, [(160 / 224, (0.14, 1.0), 2), (96 / 224, (0.05, 0.14), 4)])
    assert recipe.globals_ == (0, 1)
    assert [view.crop.side for view in recipe.expanded] == [160 / 224] * 2 + [96 / 224] * 4
    unblurred, base = ([view.operations for view in r.without(Blur).expanded] for r in (recipe, D))
    assert unblurred == base * 3
    assert [o.p for o in found(recipe, Blur)] == [1.0, 0.1] * 3


def test_dino_has_asymmetric_globals_and_locals_that_are_blurred_half_of_the_time():
    recipe = dino()
    assert recipe.globals_ == (0, 1) and len(recipe.expanded) == 10
    assert [o.p for o in found(recipe, Blur)] == [1.0, 0.1] + [0.5] * 8
    assert {view.crop.scale for view in recipe.expanded[:2]} == {(0.4, 1.0)}


def test_one_branch_changes_one_of_two_equal_crops():
    plain, changed = one_branch(Gray(), Blur()).expanded
    assert plain.operations == (Flip(),) and changed.operations == (Flip(), Gray(), Blur())
    assert changed.twin == 0 and changed.crop == plain.crop


def test_brightness_is_added_in_the_first_version_of_simclr():
    assert found(simclr(0.5, additive=True), AdditiveJitter) == [AdditiveJitter(0.4, 0.4, 0.4, 0.1)] * 2
    for preset, added in (("imagenet", 0.8), ("cifar10", 0.4)):
        jitters = found(SimCLR.presets[preset]["recipe"], AdditiveJitter)
        assert [jitter.brightness for jitter in jitters] == [added] * 2


def test_the_pretext_tasks_have_the_views_of_their_papers():
    assert [view.operations[1].quarters for view in ROTATION.expanded] == [(0,), (1,), (2,), (3,)]
    assert [view.twin for view in ROTATION.expanded] == [None, 0, 0, 0]
    assert [view.operations[-1].keep for view in CMC.expanded] == [(0,), (1, 2)]
    assert found(PIRL, Patches)[0] == Patches(permutations="all")
    assert found(jigsaw_branch(name="", per_patch=(), grid=2), Patches)[0].pixels(255) == (96, 128, 31, 0)
    grid = found(JIGSAW, Patches)[0]
    assert grid.pixels(round(224 * JIGSAW.views[0].crop.side)) == (64, 85, 21, 0)
    assert [mask.ratio for mask in found(ibot(), BlockMask)] == [(0.1, 0.5)] * 2
    assert [mask.ratio for mask in found(can(), RandomMask)] == [(0.5, 0.5)] * 2
    assert found(can(), GaussianNoise)[0].sigma == (0.0, 0.05)


def test_gray_images_keep_what_does_not_concern_colour():
    recipe = for_channels(D, 1)
    neutral = dataclasses.replace(JITTER["D"], saturation=0, hue=0)
    assert found(recipe, Jitter) == [neutral] * 2
    assert not found(recipe, Gray)
    assert found(recipe, Blur) == BLUR["D"]
    assert found(recipe, Solarize) == SOLARIZE["D"]
    assert for_channels(D, 3) == D


def test_cpcs_patches_are_60_of_64_pixels_every_32() -> None:
    grid = found(CPC, Patches)[0]
    assert grid.pixels(256) == (60, 32, 4, 0)  # of 256 = 6 * 32 + 60 + 4 pixels


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Crop(ratio=(0.0, 1.0)), "ratio from 0 to 1"),
        (lambda: Crop(scale=(0.0, 0.0)), "scale from 0 to 0"),
        (lambda: Crop(scale=(0.5, 0.2)), "scale from 0.5 to 0.2"),
        (lambda: Crop(top=(-1.0, 0.0)), "top from -1 to 0"),
        (lambda: Crop(side=0.0), "side 0"),
        (lambda: Recipe("none", ()), "recipe none has no views"),
        (lambda: Blur(sigma=(0.0, 0.0)), "Blur with sigma"),
        (lambda: RandAugment(count=0), "RandAugment with count 0"),
        (lambda: Channels((5,)), "Channels keeps"),
    ],
)
def test_numbers_that_make_no_views_are_refused(make, told):
    with pytest.raises(UsageError, match=told):
        make()


@pytest.mark.parametrize("recipe", [multi_crop(C), sizes(C, [(1.0, (0.14, 1.0), 2), (0.5, (0.05, 0.14), 4)])])
def test_small_views_are_blurred_by_as_many_pixels(recipe):
    for view in recipe.views:
        (blur,) = (o for o in view.operations if isinstance(o, Blur))
        assert [sigma * view.crop.side for sigma in blur.sigma] == pytest.approx([0.1, 2.0])
