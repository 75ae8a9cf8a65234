"""Changes of levels, beside what Pillow does to the same bytes."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from twofold.views.ops.sharpness import sharpness
from twofold.views.ops.tones import autocontrast, equalize, posterize

RANDOM = np.random.default_rng(0)
DARK = (255 * RANDOM.random((60, 50, 3)) ** 3 * [0.9, 0.5, 0.7] + 20).astype(np.uint8)


def levels(images):
    return (images[0] * 255).round().byte().permute(1, 2, 0).numpy()


def tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


def test_equalised_levels_are_pillows():
    assert np.array_equal(levels(equalize(tensor(DARK))), ImageOps.equalize(Image.fromarray(DARK)))


@pytest.mark.parametrize("bits", [1, 3, 4, 8])
def test_posterised_levels_are_pillows(bits):
    got = levels(posterize(tensor(DARK), torch.tensor([bits])))
    assert np.array_equal(got, ImageOps.posterize(Image.fromarray(DARK), bits))


def test_stretched_and_sharpened_levels_are_pillows_within_its_rounding():
    stretched = np.array(ImageOps.autocontrast(Image.fromarray(DARK)))
    assert abs(levels(autocontrast(tensor(DARK))).astype(int) - stretched).max() <= 1
    for factor in (0.1, 1.9):
        sharpened = np.array(ImageEnhance.Sharpness(Image.fromarray(DARK)).enhance(factor))
        got = levels(sharpness(tensor(DARK), torch.tensor([factor])))
        assert abs(got.astype(int) - sharpened).max() <= 1
