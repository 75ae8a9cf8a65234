"""A real labelled set without a download: scikit-learn's digits on scikit-learn's photographs."""

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from twofold.data.listing import Listing, Origin, list_arrays

SIDE = 32
COPIES = 4
TEST_SHARE = 0.2
CONTRAST = 0.7
SEED = 0
LUMA = np.array([0.299, 0.587, 0.114])


class Quickstart:
    """1,797 handwritten digits, tinted, shifted and pasted over random crops of two photographs, 32x32 RGB.

    A fifth of the digits is the test split: no digit is in both. A training digit appears four
    times with other colours, places and backgrounds; a test digit once.
    """

    def open(self, data: str) -> Origin:
        """Nothing is read yet."""
        stamp = f"quickstart-1:{SIDE}:{COPIES}:{SEED}"
        return Origin("quickstart", "quickstart", stamp, lambda: _listing(stamp))


def _listing(stamp: str) -> Listing:
    from sklearn.datasets import load_digits, load_sample_images

    digits = load_digits()
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    order = np.random.Generator(np.random.Philox(SEED)).permutation(len(digits.images))
    tested = round(TEST_SHARE * len(order))
    rows = {"train": np.repeat(order[tested:], COPIES), "test": order[:tested]}
    splits = {
        split: (_images(digits.images, photographs, chosen, number), digits.target[chosen])
        for number, (split, chosen) in enumerate(rows.items())
    }
    return list_arrays(splits, tuple(str(digit) for digit in range(10)), stamp)


def _images(
    digits: Float[np.ndarray, "n 8 8"],
    photographs: list[Image.Image],
    rows: Int[np.ndarray, " m"],
    split: int,
) -> UInt8[np.ndarray, "m 32 32 3"]:
    draws = (np.random.Generator(np.random.Philox([SEED, (split << 32) + i])) for i in range(len(rows)))
    return np.stack([_paste(digits[row], photographs, draw) for row, draw in zip(rows, draws, strict=True)])


def _paste(
    digit: Float[np.ndarray, "8 8"], photographs: list[Image.Image], draw: np.random.Generator
) -> UInt8[np.ndarray, "32 32 3"]:
    background = _background(photographs, draw)
    opacity = _placed(digit, draw)
    tint = _tint(background, draw)
    pasted = (1 - opacity) * background + opacity * tint
    image: UInt8[np.ndarray, "32 32 3"] = (pasted * 255).round().astype(np.uint8)
    return image


def _background(photographs: list[Image.Image], draw: np.random.Generator) -> Float[np.ndarray, "32 32 3"]:
    """A random crop of 8 to 32 pixels, enlarged to the image and somewhat faded."""
    photograph = photographs[draw.integers(len(photographs))]
    side = int(draw.integers(8, 33))
    left, top = draw.integers(photograph.width - side), draw.integers(photograph.height - side)
    box = (int(left), int(top), int(left) + side, int(top) + side)
    crop = np.asarray(photograph.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)) / 255
    mean = crop.mean(axis=(0, 1))
    faded: Float[np.ndarray, "32 32 3"] = mean + CONTRAST * (crop - mean)
    return faded


def _placed(digit: Float[np.ndarray, "8 8"], draw: np.random.Generator) -> Float[np.ndarray, "32 32 1"]:
    """The digit's ink as an opacity, enlarged to 18 to 25 pixels and shifted."""
    side = int(draw.integers(18, 26))
    ink = Image.fromarray((digit / 16 * 255).astype(np.uint8))
    opacity = np.zeros((SIDE, SIDE, 1))
    left, top = draw.integers(0, SIDE + 1 - side, size=2)
    opacity[top : top + side, left : left + side, 0] = (
        np.asarray(ink.resize((side, side), Image.Resampling.BICUBIC)) / 255
    )
    return opacity


def _tint(background: Float[np.ndarray, "32 32 3"], draw: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """A random colour that is clearly lighter or darker than the background."""
    luma = background.mean(axis=(0, 1)) @ LUMA
    while True:
        tint = draw.uniform(size=3)
        if abs(tint @ LUMA - luma) > 0.35:
            return tint
