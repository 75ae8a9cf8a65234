import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from twofold.views.ops import geometry
from views import reference


@st.composite
def crops(draw):
    """An image of any small size, a box inside it, a flip and the side of the view."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    tall, wide = draw(st.integers(1, height)), draw(st.integers(1, width))
    top, left = draw(st.integers(0, height - tall)), draw(st.integers(0, width - wide))
    channels, seed = draw(st.sampled_from([1, 3])), draw(st.integers(0, 1000))
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return image, (top, left, tall, wide), draw(st.booleans()), draw(st.integers(1, 40))


def resized(way, image, box, flip, side):
    images = torch.from_numpy(image)[None]
    images = images if way is geometry.resize_together else list(images)
    return way(images, torch.tensor([box]), torch.tensor([flip]), side)[0].permute(1, 2, 0).numpy()


@given(crops())
def test_both_ways_resize_as_the_triangle_filter_says(crop):
    expected = reference.crop(*crop)
    for way in (geometry.resize_together, geometry.resize_each):
        got = resized(way, *crop)
        assert got.min() >= 0 and got.max() <= 1
        np.testing.assert_allclose(got, expected, atol=2e-5)


@given(crops())
def test_bicubic_crops_are_those_of_keys_cubic(crop):
    image, box, flip, side = crop
    boxes, flips = torch.tensor([box]), torch.tensor([flip])
    got = geometry.resize_each([torch.from_numpy(image)], boxes, flips, side, "bicubic")[0]
    assert got.min() >= 0 and got.max() <= 1
    np.testing.assert_allclose(got.permute(1, 2, 0), reference.crop(*crop, "bicubic"), atol=5e-5)


def test_together_each_image_has_its_own_box_and_flip():
    images = torch.randint(0, 256, (4, 20, 30, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0, 0, 20, 30], [3, 4, 5, 6], [19, 29, 1, 1], [2, 0, 17, 9]])
    flip = torch.tensor([False, True, True, False])
    together = geometry.resize_together(images, boxes, flip, 13)
    each = geometry.resize_each(list(images), boxes, flip, 13)
    torch.testing.assert_close(together, each, atol=1e-5, rtol=0)


def test_a_crop_of_the_views_own_size_is_copied():
    image = torch.randint(0, 256, (1, 9, 9, 3), dtype=torch.uint8)
    for images, way in ((image, geometry.resize_together), (list(image), geometry.resize_each)):
        view = way(images, torch.tensor([[1, 2, 5, 5]]), torch.tensor([False]), 5)
        assert torch.equal(view, image[:, 1:6, 2:7].permute(0, 3, 1, 2) / 255)


def test_frames_lead_from_the_corners_of_the_view_to_those_of_the_box():
    boxes = np.array([[2, 3, 10, 20], [2, 3, 10, 20]])
    frames = geometry.frames(boxes, np.array([False, True]), 8)
    corners = torch.tensor([[0.0, 8.0], [0.0, 8.0], [1.0, 1.0]])
    straight, mirrored = frames @ corners
    assert straight.tolist() == [[3.0, 23.0], [2.0, 12.0]]
    assert mirrored.tolist() == [[23.0, 3.0], [2.0, 12.0]]
