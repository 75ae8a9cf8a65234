"""How a subject sees images, for evaluations that need more than its features."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from twofold.core.source import Images
from twofold.data.screen import Screen
from twofold.evaluations._features import batches, features, of_views
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine
from twofold.views.evaluation import Framing


@dataclass(frozen=True)
class Look:
    """A subject's network, and all that is needed to show it images.

    Args:
        network: Colours in [0, 1] to features, in eval mode, where it is computed.
        size: Side in pixels of the views that it is given.
        channels: Of these views.
        engine: Where it is computed.
        screen: Where progress is shown.
        parts: What its run saved beside the encoder and takes vectors, in eval mode, where it is computed:
            ``projector``, ``predictor`` ... Empty where it is no run.
        framing: Of the evaluation views.
    """

    network: nn.Module
    size: int
    channels: int
    engine: Engine
    screen: Screen = field(default_factory=lambda: Screen(speaks=False))
    parts: Mapping[str, nn.Module] = field(default_factory=dict)
    framing: Framing = "central"

    @property
    def encoder(self) -> Encoder | None:
        """The network, where it is an encoder that can be trained further; None for raw pixels."""
        return self.network if isinstance(self.network, Encoder) else None

    @property
    def spaces(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """What makes each space out of ``h``: ``h`` itself, and ``z`` where there is a projector."""
        found: dict[str, Callable[[Tensor], Tensor]] = {"h": lambda h: h}
        projector = self.parts.get("projector")
        if projector is not None:
            found["z"] = torch.no_grad()(lambda h: projector(h).float())
        return found

    def features(
        self,
        images: Images,
        network: nn.Module | None = None,
        *,
        advance: Callable[[int], object] | None = None,
    ) -> Float[Tensor, "n d"]:
        """Features of the evaluation views of images, where they are computed.

        Args:
            images: Any.
            network: In eval mode; by default the subject's own.
            advance: Told how many images are done after each batch.
        """
        found = features(
            network or self.network,
            images,
            size=self.size,
            channels=self.channels,
            engine=self.engine,
            framing=self.framing,
            advance=advance,
        )
        return torch.from_numpy(found).to(self.engine.device)

    def batches(self, images: Images) -> list[Int[np.ndarray, " b"]]:
        """The rows of the images, as many at a time as are best read at once."""
        return batches(len(images), self.size, self.engine)

    def of_views(
        self, views: Float[Tensor, "n c h w"], network: Callable[[Tensor], Tensor] | None = None
    ) -> Float[Tensor, "n ..."]:
        """What is made of any views of the side ``size``, where it is computed.

        Args:
            views: Colours in [0, 1], of as many channels as the images have.
            network: As ``encoder.grid``, in eval mode; by default the subject's own.
        """
        return of_views(network or self.network, views, channels=self.channels, engine=self.engine)
