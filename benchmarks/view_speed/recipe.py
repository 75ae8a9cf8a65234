"""Recipe C of SimCLR as plain numbers, so that every library gets the same."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Random resized crop, flip, colour jitter, grayscale, blur, to floats in [0, 1].

    Args:
        side: Of a view in pixels.
        blur: Probability. Sigma and kernel are in pixels of this view.
    """

    side: int
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    strength: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 0.2)
    gray: float = 0.2
    blur: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)
    kernel: int = 23

    def only(self, *kept: str) -> "Recipe":
        """The same without the operations (flip, jitter, gray, blur) that are not named."""
        gone = {"flip", "jitter", "gray", "blur"}.difference(kept)
        return dataclasses.replace(self, **dict.fromkeys(gone, 0.0))

    def uncropped(self) -> "Recipe":
        """The same on whole, square images: then a view can be compared with its image."""
        return dataclasses.replace(self, scale=(1.0, 1.0), ratio=(1.0, 1.0))


def recipe_c(side: int) -> Recipe:
    """Blur as Twofold does it: a tenth of the side, sigmas scaled with it, none on views up to 64 pixels."""
    sigma = (0.1 * side / 224, 2.0 * side / 224)
    return Recipe(side, blur=0.5 if side > 64 else 0.0, sigma=sigma, kernel=2 * (side // 20) + 1)
