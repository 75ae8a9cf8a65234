"""The table of augmentation recipes, as the papers have it."""

import dataclasses

import pytest

from twofold.core.recipe import Crop
from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.solarize import Solarize
from twofold.views.recipes import C_CIFAR, A, B, C, D, for_channels, for_size, multi_crop, simclr

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
    assert {view.operations for view in recipe.expanded} == {C.views[0].operations}


def test_gray_images_keep_what_does_not_concern_colour():
    recipe = for_channels(D, 1)
    neutral = dataclasses.replace(JITTER["D"], saturation=0, hue=0)
    assert found(recipe, Jitter) == [neutral] * 2
    assert not found(recipe, Gray)
    assert found(recipe, Blur) == BLUR["D"]
    assert found(recipe, Solarize) == SOLARIZE["D"]
    assert for_channels(D, 3) == D
