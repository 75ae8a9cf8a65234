import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.views.ops.blur import gaussian_blur, half_kernel
from views import reference


@settings(max_examples=25)
@given(
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    sigmas=st.lists(st.floats(0.1, 8), min_size=2, max_size=2),
)
def test_each_image_is_blurred_by_its_own_gaussian(height, width, sigmas):
    images = torch.rand(2, 3, height, width, dtype=torch.float64)
    got = gaussian_blur(images, torch.tensor(sigmas, dtype=torch.float64))
    for image, sigma, view in zip(images, sigmas, got, strict=True):
        expected = reference.blur(image.permute(1, 2, 0).numpy(), sigma)
        np.testing.assert_allclose(view.permute(1, 2, 0), expected, atol=1e-7)


@pytest.mark.parametrize(("side", "taps"), [(224, 23), (96, 9), (32, 3), (19, 1)])
def test_the_kernel_is_a_tenth_of_the_side(side, taps):
    dot = torch.zeros(1, 1, side, side)
    dot[0, 0, side // 2, side // 2] = 1
    blurred = gaussian_blur(dot, torch.tensor([1000.0]))
    assert (blurred[0, 0, side // 2] > 0).sum() == taps
    assert (blurred[0, 0, :, side // 2] > 0).sum() == taps


def test_weights_sum_to_one_and_negligible_ones_are_left_out():
    for sigma in (0.1, 0.5, 1.0, 2.0, 50.0):
        centre, *rest = half_kernel(11, sigma)
        assert centre + 2 * sum(rest) == pytest.approx(1, abs=1e-7)
    assert len(half_kernel(11, 0.1)) == 1
    assert len(half_kernel(11, 50.0)) == 12


def test_a_flat_image_stays_flat_to_its_border():
    flat = torch.full((1, 3, 40, 60), 1.0)
    torch.testing.assert_close(gaussian_blur(flat, torch.tensor([2.0])), flat)
    assert gaussian_blur(flat, torch.tensor([2.0])).max() <= 1
