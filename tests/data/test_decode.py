"""What the store keeps of an image."""

from collections.abc import Callable

import numpy as np
import pytest

from twofold.data.decode import Decoded, RangeWanted, Settings, decode
from twofold.data.picture import BrokenImage


def decoded(content: bytes | np.ndarray, short_side: int = 256, **settings: object) -> Decoded:
    got = decode(content, Settings(short_side, **settings))
    assert isinstance(got, Decoded)
    return got


def test_the_short_side_is_shrunk_and_the_aspect_ratio_kept() -> None:
    assert decoded(np.zeros((300, 400, 3), np.uint8), 64).pixels.shape[:2] == (64, 85)
    assert decoded(np.zeros((400, 300, 3), np.uint8), 64).pixels.shape[:2] == (85, 64)


def test_small_images_are_never_enlarged() -> None:
    assert decoded(np.zeros((20, 30, 3), np.uint8), 64).pixels.shape[:2] == (20, 30)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    assert decoded(stripes, 32).pixels.std() < 5


def test_gray_saved_as_colour_takes_one_channel(photograph: Callable[..., np.ndarray]) -> None:
    gray = photograph(channels=1)
    assert np.array_equal(decoded(np.dstack([gray] * 3)).pixels[..., 0], gray)
    nearly = np.dstack([gray] * 3)
    nearly[3, 3, 2] ^= 1
    assert decoded(nearly).pixels.shape[2] == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_agree_with_the_obvious_ones(channels: int, photograph: Callable[..., np.ndarray]) -> None:
    got = decoded(photograph(channels=channels))
    values = np.broadcast_to(got.pixels / 255, (*got.pixels.shape[:2], 3)).reshape(-1, 3)
    assert np.allclose(got.mean, values.mean(axis=0), atol=1e-5)
    assert np.allclose(got.square, (values**2).mean(axis=0), atol=1e-5)


def test_equal_pixels_have_equal_digests_whatever_file_they_came_from(
    photograph: Callable[..., np.ndarray], encoded: Callable[..., bytes]
) -> None:
    digests = {decoded(encoded(photograph(), kind)).digest for kind in ("PNG", "BMP", "TIFF")}
    assert len(digests) == 1
    assert decoded(photograph(1)).digest not in digests
    assert decoded(np.zeros((2, 8), np.uint8)).digest != decoded(np.zeros((4, 4), np.uint8)).digest


def test_deep_values_are_mapped_to_their_range() -> None:
    values = np.array([[0, 1000, 2000], [3000, 4000, 5000]], np.uint16)
    got = decoded(values, value_range=(1000, 4000))
    assert got.pixels[..., 0].tolist() == [[0, 0, 85], [170, 255, 255]]
    assert got.extent == (0, 5000)


def test_deep_values_ask_for_a_range_when_it_is_not_known() -> None:
    assert decode(np.array([[3, 700]], np.int32), Settings(256)) == RangeWanted((3, 700))


def test_values_that_are_not_finite_do_not_spoil_the_range() -> None:
    values = np.array([[np.nan, 1.0], [3.0, np.inf]], np.float32)
    assert decode(values, Settings(256)) == RangeWanted((1, 3))
    assert decoded(values, value_range=(1, 3)).pixels[..., 0].tolist() == [[0, 0], [255, 255]]
    with pytest.raises(BrokenImage, match="finite"):
        decode(np.full((2, 2), np.nan, np.float32), Settings(256))


def test_a_constant_deep_image_is_black_not_an_error() -> None:
    assert (decoded(np.full((2, 2), 7.0, np.float32), value_range=(7, 7)).pixels == 0).all()


def test_deep_colour_is_shrunk_channel_by_channel() -> None:
    values = np.zeros((40, 60, 3), np.float32)
    values[..., 1] = 1
    got = decoded(values, 20, value_range=(0, 1)).pixels
    assert got.shape == (20, 30, 3)
    assert got[5, 5].tolist() == [0, 255, 0]
