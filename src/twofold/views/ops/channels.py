"""Choices among channels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from twofold.core.errors import TwofoldError, UsageError
from twofold.views.counter import Counter


@dataclass(frozen=True)
class Channels:
    """The view has only some of the channels, in the order given: ``Channels((1, 2))`` after ``ColourSpace``.

    Args:
        keep: Positions of the channels, from 0.

    Raises:
        TwofoldError: If images with one channel are to be split.

    Reference:
        Tian et al., ECCV 2020 (1906.05849), section 3.
    """

    p: ClassVar[float] = 1.0

    keep: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.keep or not set(self.keep) <= {0, 1, 2}:
            raise UsageError(f"Channels keeps some of 0, 1 and 2, not {self.keep}")

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Nothing."""
        return {}

    def apply(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k h w"]:
        """Copies the channels."""
        return images[:, list(self.keep)]

    def without_colour(self) -> None:
        """Gray images cannot be split."""
        raise TwofoldError(f"gray images have no channels to split: Channels(keep={self.keep}) needs colour")


@dataclass(frozen=True)
class ChannelDrop:
    """One channel stays, each equally likely; the others are filled with one value.

    Args:
        fill: The value, in [0, 1].
        p: Share of the images.

    Reference:
        Doersch et al., ICCV 2015 (1505.05192), section 4.1, who fill with noise around the mean; Hénaff et
        al., ICML 2020 (1905.09272).
    """

    fill: float = 0.5
    p: float = 1.0

    def draw(self, counter: Counter, side: int) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """``kept``: position of the channel among three."""
        return {"kept": counter.below(3, "channeldrop.kept")}

    def apply(self, images: Float[Tensor, "n 3 h w"], kept: Int[Tensor, " n"]) -> Float[Tensor, "n 3 h w"]:
        """The others are filled."""
        dropped = torch.arange(3, device=images.device) != kept[:, None]
        return images.masked_fill(dropped[:, :, None, None], self.fill)

    def without_colour(self) -> None:
        """Nothing is left."""
