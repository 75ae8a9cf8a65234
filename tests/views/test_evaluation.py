import numpy as np
import pytest
import torch
from PIL import Image

from twofold.views.evaluation import evaluation_view
from views import reference


def some_image(height, width, channels=3):
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (height, width, channels), dtype=np.uint8))


def central(image, short, size):
    """The image resized to a short side, its middle cut out, in float64."""
    height, width = image.shape[:2]
    scale = short / min(height, width)
    resized = reference.resize(image.double().numpy() / 255, int(height * scale), int(width * scale))
    top, left = round((resized.shape[0] - size) / 2), round((resized.shape[1] - size) / 2)
    return resized[top : top + size, left : left + size]


def close(view, expected):
    np.testing.assert_allclose(view.permute(1, 2, 0).numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_the_asked_size_stay_as_they_are(channels):
    images = some_image(32, 32, channels)[None].repeat(20, 1, 1, 1)
    view = evaluation_view(images, 32)
    assert torch.equal(view, images.permute(0, 3, 1, 2) / 255)
    assert view.is_contiguous(memory_format=torch.channels_last)


def test_small_views_show_the_whole_short_side():
    image = some_image(45, 60)
    close(evaluation_view([image], 32)[0], central(image, 32, 32))


def test_large_views_are_cut_from_eight_sevenths_of_their_side():
    image = some_image(130, 100)
    close(evaluation_view([image], 112)[0], central(image, 128, 112))


@pytest.mark.parametrize("sides", [(130, 100), (20, 30)])
def test_views_of_other_data_keep_the_whole_short_side_and_are_bicubic(sides):
    view = evaluation_view([some_image(*sides)], 96, "whole")[0]
    height, width = (96 * side // min(sides) for side in sides)
    image = Image.fromarray(some_image(*sides).numpy())
    planes = [
        np.asarray(
            Image.fromarray(np.asarray(plane, np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        )
        for plane in image.split()
    ]
    top, left = round((height - 96) / 2), round((width - 96) / 2)
    expected = np.stack(planes, axis=2)[top : top + 96, left : left + 96] / 255
    close(view, expected.clip(0, 1))


def test_a_list_and_a_tensor_of_the_same_images_give_the_same_views():
    images = torch.stack([some_image(50, 40)] * 18)
    assert torch.equal(evaluation_view(images, 32), evaluation_view(list(images), 32))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5_000_000), (5_000_000, 1), (9, 500)])
def test_extreme_images_have_a_view_too(shape):
    view = evaluation_view([some_image(*shape)], 96)
    assert view.shape == (1, 3, 96, 96)
    assert view.min() >= 0 and view.max() <= 1


def test_the_middle_of_a_very_long_image_is_what_is_seen():
    image = torch.zeros(10, 4000, 3, dtype=torch.uint8)
    image[:, 1995:2005] = 255
    assert evaluation_view([image], 10).min() == 1
