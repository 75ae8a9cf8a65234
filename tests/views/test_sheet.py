import numpy as np
import pytest
import torch

from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.maker import ViewMaker
from twofold.views.recipes import C, multi_crop
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


def test_images_of_any_shape_fit_their_cells():
    images = [torch.full((h, w, 3), 9, dtype=torch.uint8) for h, w in [(1, 400), (400, 1), (300, 200)]]
    sheet = sheet_of(images, SMALL_CROPS)
    assert sheet.size == (3 * (CELL + GAP) + GAP, CAPTION + 3 * (CELL + GAP) + GAP)
