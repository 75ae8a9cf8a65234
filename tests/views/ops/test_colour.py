import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from twofold.views.ops import colour
from twofold.views.ops.jitter import jitter
from views import reference

FACTORS = st.floats(0, 2.5)
TURNS = st.floats(-2, 2)
SEEDS = st.integers(0, 1000)


def some_images(seed, channels=3, count=2):
    """Colours in [0, 1], among them grays, blacks, whites and pure colours."""
    random = np.random.default_rng(seed)
    images = random.random((count, 5, 6, channels))
    images[:, 0] = np.rint(images[:, 0])
    images[:, 1] = images[:, 1, :, :1]
    return images


def to_tensor(images, dtype=torch.float64):
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(dtype)


def to_array(images):
    return images.permute(0, 2, 3, 1).double().numpy()


def both(values):
    return torch.tensor([values, values / 2], dtype=torch.float64)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
@given(seed=SEEDS, amount=FACTORS, turn=TURNS)
def test_each_operation_does_to_each_image_what_its_definition_says(name, seed, amount, turn):
    images, amounts = some_images(seed), both(turn if name == "hue" else amount)
    got = getattr(colour, name)(to_tensor(images), amounts)
    for image, value, view in zip(images, amounts.tolist(), to_array(got), strict=True):
        expected = getattr(reference, name)(image, value)
        np.testing.assert_allclose(view, expected, atol=1e-9)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
@given(seed=SEEDS, amount=FACTORS, turn=TURNS)
def test_float32_stays_in_range_and_within_a_tenth_of_a_grey_level(name, seed, amount, turn):
    images, amounts = to_tensor(some_images(seed)), both(turn if name == "hue" else amount)
    exact = getattr(colour, name)(images, amounts)
    got = getattr(colour, name)(images.float(), amounts.float())
    assert got.dtype == torch.float32
    assert got.min() >= 0 and got.max() <= 1
    torch.testing.assert_close(got.double(), exact, atol=0.1 / 255, rtol=0)


@pytest.mark.parametrize("name", ["brightness", "contrast"])
@given(seed=SEEDS, amount=FACTORS)
def test_gray_images_have_brightness_and_contrast(name, seed, amount):
    images, amounts = some_images(seed, channels=1), both(amount)
    got = to_array(getattr(colour, name)(to_tensor(images), amounts))
    expected = [getattr(reference, name)(i, a) for i, a in zip(images, amounts.tolist(), strict=True)]
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_a_third_of_a_turn_makes_red_green_and_leaves_grays_alone():
    pixels = torch.tensor([[1.0, 0.0, 0.0], [0.4, 0.4, 0.4], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    image = pixels.T[None, :, None]
    turned = colour.hue(image, torch.tensor([1 / 3]))[0, :, 0].T
    expected = torch.tensor([[0.0, 1.0, 0.0], [0.4, 0.4, 0.4], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(turned, expected, atol=1e-6, rtol=0)


@given(seed=SEEDS, orders=st.lists(st.permutations(range(4)), min_size=5, max_size=5))
def test_jitter_applies_the_four_in_the_order_of_each_image(seed, orders):
    images = some_images(seed, count=5)
    amounts = np.random.default_rng(seed).uniform([0.2, 0.2, 0.2, -0.5], [1.8, 1.8, 1.8, 0.5], (5, 4))
    got = to_array(jitter(to_tensor(images), torch.from_numpy(amounts), torch.tensor(orders)))
    for image, amount, order, view in zip(images, amounts, orders, got, strict=True):
        np.testing.assert_allclose(view, reference.jitter(image, amount, order), atol=1e-9)


def test_jitter_of_neutral_amounts_changes_no_bit():
    images = to_tensor(some_images(0, count=3), torch.float32)
    amounts = torch.tensor([[1.0, 1.0, 1.0, 0.0]]).expand(3, 4)
    assert torch.equal(jitter(images, amounts, torch.tensor([[0, 1, 2, 3]] * 3)), images)


def test_gray_has_the_luma_of_bt601_in_every_channel():
    images = some_images(3)
    got = to_array(colour.gray(to_tensor(images)))
    np.testing.assert_allclose(got, [reference.gray(image) for image in images], atol=1e-12)


def test_no_operation_changes_its_input():
    images = to_tensor(some_images(1))
    before = images.clone()
    for name in ("brightness", "contrast", "saturation", "hue"):
        getattr(colour, name)(images, both(0.7))
    jitter(images, torch.full((2, 4), 0.3, dtype=torch.float64), torch.tensor([[0, 1, 2, 3]] * 2))
    colour.gray(images)
    assert torch.equal(images, before)
