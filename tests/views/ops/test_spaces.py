import pytest
import torch

from twofold.core.colour_spaces import LAB_MEAN, LAB_STD, lab
from twofold.core.errors import UsageError
from twofold.views.ops.spaces import ColourSpace
from twofold.views.plain import from_json


def image_of(*colours):
    return torch.tensor(colours, dtype=torch.float64).T[None, :, None]


def test_lab_has_the_values_of_the_standard():
    """CIE L*a*b* of sRGB white, black, red, green and blue, as colour calculators print them."""
    got = lab(image_of([1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]))[0, :, 0].T
    mean, std = torch.tensor(LAB_MEAN), torch.tensor(LAB_STD)
    plain = (2 * got - 1) * std + mean
    white, black, red = [100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]
    green, blue = [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]
    expected = [white, black, red, green, blue]
    torch.testing.assert_close(plain, torch.tensor(expected).double(), atol=0.1, rtol=0)


@pytest.mark.parametrize("space", ["lab", "hsv", "ycbcr", "ydbdr", "yiq", "yuv"])
def test_all_colours_together_fill_the_unit_range_of_every_channel(space):
    steps = torch.linspace(0, 1, 9, dtype=torch.float64)
    colours = torch.cartesian_prod(steps, steps, steps)
    got = ColourSpace(space).apply(image_of(*colours.tolist()))[0, :, 0]
    assert got.min() >= 0 and got.max() <= 1
    low, high = got.amin(1), got.amax(1)
    assert (low < 0.01).all() and (high > (0.85 if space == "hsv" else 0.99)).all()


def test_grays_have_no_colour():
    grays = image_of([0.0] * 3, [0.3] * 3, [1.0] * 3)
    for space in ("ycbcr", "ydbdr", "yiq", "yuv"):
        differences = ColourSpace(space).apply(grays)[:, 1:]
        torch.testing.assert_close(differences, torch.full_like(differences, 0.5), atol=1e-3, rtol=0)


def test_a_space_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="labb"):
        from_json({"views": [{"operations": [{"ColourSpace": {"space": "labb"}}]}]})
