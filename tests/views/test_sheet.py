import numpy as np
import pytest
import torch
from PIL import ImageColor

from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.maker import ViewMaker
from twofold.views.ops.affine import Rotate
from twofold.views.ops.channels import Channels
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Turn
from twofold.views.ops.masks import RandomMask
from twofold.views.ops.patches import Patches
from twofold.views.ops.tones import Invert
from twofold.views.recipes import C_CIFAR, C, multi_crop, one_branch
from twofold.views.sheet import CAPTION, CELL, COLOURS, GAP, contact_sheet

SMALL_CROPS = Recipe("small", (ViewSpec(Crop(scale=(0.2, 0.3)), count=2),))


def sheet_of(images, recipe, rows=8):
    maker = ViewMaker(recipe, seed=0, view_size=32, channels=images[0].shape[-1])
    return contact_sheet(images, maker(images, np.arange(len(images)), 0), rows=rows)


def cell(sheet, row, column):
    left, top = GAP + column * (CELL + GAP), CAPTION + GAP + row * (CELL + GAP)
    return np.array(sheet.crop((left, top, left + CELL, top + CELL)))


@pytest.mark.parametrize("channels", [1, 3])
def test_there_is_a_row_an_image_and_a_column_a_view(channels):
    images = torch.full((3, 32, 32, channels), 60, dtype=torch.uint8)
    sheet = sheet_of(images, multi_crop(C), rows=2)
    assert sheet.size == (9 * (CELL + GAP) + GAP, CAPTION + 2 * (CELL + GAP) + GAP)
    for row in range(2):
        for column in range(9):
            assert (cell(sheet, row, column) != 255).any()


def test_views_are_shown_with_their_pixels_as_squares():
    images = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    recipe = Recipe("whole", (ViewSpec(Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))),))
    assert np.array_equal(cell(sheet_of(images, recipe), 0, 1)[::4, ::4], images[0].numpy())


def test_each_views_box_is_drawn_in_its_own_colour_where_its_frame_says():
    images = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    maker = ViewMaker(SMALL_CROPS, seed=3, view_size=32, channels=3)
    batch = maker(images, np.arange(1), 0)
    original = cell(contact_sheet(images, batch), 0, 0)
    for view, colour in zip(batch.views, COLOURS, strict=False):
        wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        rows, columns = (original == wanted).all(axis=2).nonzero()
        (scale_x, _, left), (_, scale_y, top) = (2 * view.frame[0]).tolist()
        expected = [top, top + 32 * scale_y - 1, left, left + 32 * scale_x - 1]
        found = [rows.min(), rows.max(), columns.min(), columns.max()]
        assert found == pytest.approx(expected, abs=2)


def test_patches_are_shown_in_a_grid_of_pictures():
    images = torch.full((1, 96, 96, 3), 200, dtype=torch.uint8)
    recipe = Recipe("patches", (ViewSpec(operations=(Patches(permutations="all"), Invert(p=0.5))),))
    shown = cell(sheet_of(images, recipe), 0, 1)
    middles = [CELL // 6, CELL // 2, 5 * CELL // 6]
    colours = {int(shown[y, x, 0]) for y in middles for x in middles}
    assert colours == {200, 55}
    assert (shown[CELL // 3, ::4] > 210).any()


def test_every_patch_is_outlined_in_the_original():
    images = torch.zeros(1, 96, 96, 3, dtype=torch.uint8)
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    grid = Patches(grid=2, side=0.3, gap=0.2, jitter=0.0)
    original = cell(sheet_of(images, Recipe("patches", (ViewSpec(whole, (grid,)),))), 0, 0)
    lines = original.any(axis=2)[:, CELL // 4]
    assert ((np.diff(lines.astype(int)) == 1).sum()) == 4


def test_two_channels_are_two_gray_pictures_and_masks_are_dark():
    images = torch.full((1, 32, 32, 3), 100, dtype=torch.uint8)
    split = sheet_of(images, Recipe("split", (ViewSpec(operations=(Channels((0, 1)),)),)))
    shown = cell(split, 0, 1)
    assert (shown[CELL // 2, :: CELL // 8] == 100).all() and (shown[4] == 255).all()
    masked = sheet_of(images, Recipe("mask", (ViewSpec(operations=(RandomMask((0.5, 0.5), patch=8),)),)))
    shown = cell(masked, 0, 1)
    assert ((shown == 25).mean(), (shown == 100).mean()) == (0.5, 0.5)


def test_a_turned_view_is_outlined_where_it_looks():
    images = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    middle = Crop(scale=(0.25, 0.25), ratio=(1.0, 1.0), top=(0.5, 0.5), left=(0.5, 0.5))
    turned = Recipe("turned", (ViewSpec(middle, (Turn((1,)), Rotate(45.0))),))
    outline = cell(sheet_of(images, turned), 0, 0).any(axis=2)
    maker = ViewMaker(turned, seed=0, view_size=32, channels=3)
    frame = maker(images, np.arange(1), 0).views[0].frame[0].numpy()
    for corner in ([0, 0, 1], [32, 0, 1], [32, 32, 1], [0, 32, 1]):
        x, y = (2 * frame @ corner).round().astype(int)
        assert outline[y - 2 : y + 3, x - 2 : x + 3].any()


def test_two_last_columns_show_intensities_before_and_after_the_colours_are_changed():
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    maker = ViewMaker(C_CIFAR, seed=0, view_size=32, channels=3)
    batch, crops = maker(images, np.arange(2), 0), maker.crops_alone()(images, np.arange(2), 0)
    assert all(torch.equal(one.frame, two.frame) for one, two in zip(batch.views, crops.views, strict=True))
    sheet = contact_sheet(images, batch, crops=crops)
    before, after = cell(sheet, 1, 3), cell(sheet, 1, 4)
    for shown in (before, after):
        for colour in COLOURS[:2]:
            assert (shown == ImageColor.getrgb(colour)).all(axis=2).any()
    assert (before != after).any()


def test_of_two_outlines_at_the_same_place_both_are_seen():
    images = torch.full((1, 64, 64, 3), 128, dtype=torch.uint8)
    outline = cell(sheet_of(images, one_branch(Gray(p=1.0))), 0, 0)
    for colour in COLOURS[:2]:
        assert (outline == ImageColor.getrgb(colour)).all(axis=2).any()


def test_images_of_any_shape_fit_their_cells():
    images = [torch.full((h, w, 3), 9, dtype=torch.uint8) for h, w in [(1, 400), (400, 1), (300, 200)]]
    sheet = sheet_of(images, SMALL_CROPS)
    assert sheet.size == (3 * (CELL + GAP) + GAP, CAPTION + 3 * (CELL + GAP) + GAP)
