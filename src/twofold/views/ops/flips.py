"""Mirrors and quarter turns: every pixel is moved as it is."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.views.counter import Counter

_COSINE, _SINE = np.array([1.0, 0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0])


@dataclass(frozen=True)
class Flip:
    """Horizontal mirror with probability ``p``."""

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Where the pixels come from."""
        return {"move": _repeated([[-1, 0, side], [0, 1, 0]], counter)}

    def apply(
        self, images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """Left and right are exchanged."""
        return images.flip(3)


@dataclass(frozen=True)
class VerticalFlip:
    """Vertical mirror with probability ``p``."""

    p: float = 0.5

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Where the pixels come from."""
        return {"move": _repeated([[1, 0, 0], [0, -1, side]], counter)}

    def apply(
        self, images: Float[Tensor, "n c h w"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """Top and bottom are exchanged."""
        return images.flip(2)


@dataclass(frozen=True)
class Turn:
    """Exact counter-clockwise rotation by quarter turns, equally likely; their number is the view's tag.

    Args:
        quarters: Among which is drawn, each 0 to 3. A single one makes that rotation always.
        p: Share of the images; the others have tag 0.

    Raises:
        TwofoldError: If there are other quarters.

    Reference:
        Gidaris et al., ICLR 2018 (1803.07728).
    """

    quarters: tuple[int, ...] = (0, 1, 2, 3)
    p: float = 1.0

    def __post_init__(self) -> None:
        if not self.quarters or not set(self.quarters) <= {0, 1, 2, 3}:
            raise TwofoldError(f"Turn takes quarters among 0, 1, 2, 3, not {self.quarters}")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``tag``: quarter turns."""
        tag = np.array(self.quarters)[counter.below(len(self.quarters), "turn.quarters")]
        return {"tag": tag, "move": quarter_turns(tag, side)}

    def apply(
        self, images: Float[Tensor, "n c h w"], tag: Int[Tensor, " n"], move: Float[Tensor, "n 2 3"]
    ) -> Float[Tensor, "n c h w"]:
        """Transposed and mirrored, without interpolation."""
        turned = images.clone()
        for quarters in (1, 2, 3):
            rows = (tag == quarters).nonzero()[:, 0]
            turned[rows] = torch.rot90(images[rows], quarters, (2, 3))
        return turned


def quarter_turns(quarters: Int[np.ndarray, " n"], side: int) -> Float[np.ndarray, "n 2 3"]:
    """Maps from the coordinates of the turned view to those before."""
    cosine, sine = _COSINE[quarters], _SINE[quarters]
    middle = side / 2
    across = np.stack([cosine, -sine, middle * (1 - cosine + sine)], axis=1)
    down = np.stack([sine, cosine, middle * (1 - cosine - sine)], axis=1)
    return np.stack([across, down], axis=1)


def _repeated(move: list[list[int]], counter: Counter) -> Float[np.ndarray, "n 2 3"]:
    return np.tile(np.array(move, dtype=np.float64), (len(counter), 1, 1))
