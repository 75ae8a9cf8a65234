"""Colour spaces."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor

from twofold.core.colour_spaces import Space, convert
from twofold.views.counter import Counter


@dataclass(frozen=True)
class ColourSpace:
    """RGB becomes another space of three channels, each scaled so that all RGB colours give [0, 1].

    Args:
        space: Its name; ``core.colour_spaces.convert`` says what each is.

    Reference:
        Tian et al., ECCV 2020 (1906.05849); NeurIPS 2020 (2005.10243), section 4.
    """

    p: ClassVar[float] = 1.0

    space: Space = "lab"

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """The three channels."""
        return convert(images, self.space)

    def without_colour(self) -> None:
        """Gray images stay gray."""
