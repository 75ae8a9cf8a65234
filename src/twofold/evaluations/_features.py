"""Features of many images: an encoder's in eval mode, or raw pixels."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.colour_spaces import luma
from twofold.core.errors import TwofoldError
from twofold.core.source import Images
from twofold.train.engine import Engine
from twofold.views.evaluation import Framing, evaluation_view

_PIXELS_A_BATCH = {"cpu": 2**19, "cuda": 2**24}
"""512 images of 32x32 pixels, 10 of 224x224; 32 times as many on a GPU. More is not faster, only larger."""


@torch.inference_mode()
def features(
    network: nn.Module,
    images: Images,
    *,
    size: int,
    channels: int,
    engine: Engine,
    framing: Framing = "central",
    advance: Callable[[int], object] | None = None,
) -> Float[np.ndarray, "n d"]:
    """What the network makes of the evaluation view of each image, in their order.

    Each process embeds its share of the images, and all get all features.

    Args:
        network: Takes colours in [0, 1]. In eval mode: batch-norm statistics are read, never changed.
        images: One split.
        size: Side of the view in pixels.
        channels: Of what the network takes: gray images are repeated, colours are weighted to gray.
        engine: Where it is computed.
        framing: Of the view.
        advance: Told how many images are done after each batch.

    Returns:
        Float32.

    Raises:
        TwofoldError: If a feature is not finite.
    """
    share = dist.share(len(images)).numpy()
    parts = []
    for some in batches(len(share), size, engine):
        rows = share[some]
        view = evaluation_view(images.read(rows), size, framing)
        parts.append(of_views(network, view, channels=channels, engine=engine))
        if advance is not None:
            advance(len(rows) * dist.world_size())
    return dist.gather(torch.cat(parts))[: len(images)].cpu().numpy()


@torch.no_grad()
def of_views(
    network: Callable[[Tensor], Tensor], views: Float[Tensor, "n c h w"], *, channels: int, engine: Engine
) -> Float[Tensor, "n ..."]:
    """What the network makes of any views, where it is computed: float32.

    Args:
        network: Takes colours in [0, 1]. A module is in eval mode.
        views: In [0, 1].
        channels: Of what the network takes.
        engine: Where it is computed.

    Raises:
        TwofoldError: If something of it is not finite.
    """
    assert not (isinstance(network, nn.Module) and any(part.training for part in network.modules()))
    parts = []
    for rows in batches(len(views), views.shape[-1], engine):
        shown = as_channels(views[rows], channels)
        with engine.autocast():
            part = network(shown.to(engine.device, memory_format=torch.channels_last)).float()
        if not part.isfinite().all():
            raise TwofoldError("the encoder's features are not finite numbers: its training has diverged")
        parts.append(part)
    return torch.cat(parts)


def as_channels(views: Float[Tensor, "b c h w"], channels: int) -> Float[Tensor, "b {channels} h w"]:
    """The views with 1 or 3 channels."""
    return luma(views) if channels == 1 else views.expand(-1, channels, -1, -1)


def batches(count: int, size: int, engine: Engine) -> list[Int[np.ndarray, " b"]]:
    """Numbers from 0 on, as many at a time as a network is given views of this side at once."""
    batch = max(1, _PIXELS_A_BATCH[engine.device.type] // size**2)
    return [np.arange(start, min(start + batch, count)) for start in range(0, count, batch)]
