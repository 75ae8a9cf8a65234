import numpy as np
import pytest
import torch

from twofold.core.batch import View
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.histograms import BINS, histograms, overlap
from twofold.views.maker import ViewMaker
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.patches import Patches
from twofold.views.recipes import pair


def view(pixels):
    return View(pixels, torch.zeros(len(pixels), 2, 3))


def smooth_images(count=6, side=48):
    """Each of a range of intensities of its own, much the same everywhere in it."""
    random = np.random.default_rng(0)
    base = random.integers(0, 200, (count, 1, 1, 1))
    return torch.from_numpy((base + random.integers(0, 55, (count, side, side, 3))).astype(np.uint8))


def views_of(recipe, images):
    return ViewMaker(recipe, seed=0, view_size=32, channels=3)(images, np.arange(len(images)), 0).views


@pytest.mark.parametrize("channels", [1, 3])
def test_a_histogram_has_the_share_of_pixels_of_each_intensity(channels):
    pixels = torch.zeros(1, channels, 4, 4)
    pixels[:, :, :1] = 1.0
    expected = np.zeros(BINS)
    expected[0], expected[-1] = 0.75, 0.25
    np.testing.assert_allclose(histograms(view(pixels))[0], expected)


def test_overlap_is_one_for_the_same_and_none_for_intensities_apart():
    dark, light = torch.full((1, 3, 4, 4), 0.1), torch.full((1, 3, 4, 4), 0.9)
    both = torch.cat([dark, light])
    assert overlap((view(both), view(both))) == (1.0, 0.0)
    assert overlap((view(both), view(both.flip(0)))) == (0.0, 1.0)


def test_colour_distortion_closes_the_shortcut():
    images, crop = smooth_images(), Crop(scale=(0.3, 1.0))
    plain = overlap(views_of(pair("plain", crop), images))
    distorted = overlap(views_of(pair("distorted", crop, Jitter(0.8, 0.8, 0.8, 0.2, p=1.0)), images))
    assert plain.same > plain.other + 0.3
    assert distorted.same < plain.same - 0.3


def test_views_that_are_no_pictures_have_no_histogram():
    patches = views_of(Recipe("patches", (ViewSpec(operations=(Patches(),)),)), smooth_images())
    assert histograms(patches[0]) is None
    assert overlap(patches) is None
    assert overlap((view(torch.rand(1, 3, 4, 4)),) * 2) is None  # one image only
