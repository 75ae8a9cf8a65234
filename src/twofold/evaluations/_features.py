"""Features of many images: an encoder's in eval mode, or raw pixels."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.colour_spaces import luma
from twofold.core.errors import TwofoldError
from twofold.core.source import Images
from twofold.train.engine import Engine
from twofold.views.evaluation import evaluation_view

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
    advance: Callable[[int], object] | None = None,
) -> Float[np.ndarray, "n d"]:
    """What the network makes of the evaluation view of each image, in their order.

    Args:
        network: Takes colours in [0, 1]. In eval mode: batch-norm statistics are read, never changed.
        images: One split.
        size: Side of the view in pixels.
        channels: Of what the network takes: gray images are repeated, colours are weighted to gray.
        engine: Where it is computed.
        advance: Told how many images are done after each batch.

    Returns:
        Float32.

    Raises:
        TwofoldError: If a feature is not finite.
    """
    assert not any(module.training for module in network.modules())
    parts = []
    for rows in _batches(len(images), size, engine):
        views = as_channels(evaluation_view(images.read(rows), size), channels)
        with engine.autocast():
            part = network(views.to(engine.device, memory_format=torch.channels_last)).float()
        if not part.isfinite().all():
            raise TwofoldError("the encoder's features are not finite numbers: its training has diverged")
        parts.append(part.cpu().numpy())
        if advance is not None:
            advance(len(rows))
    return np.concatenate(parts)


def as_channels(views: Float[Tensor, "b c h w"], channels: int) -> Float[Tensor, "b {channels} h w"]:
    """The views with 1 or 3 channels."""
    return luma(views) if channels == 1 else views.expand(-1, channels, -1, -1)


def _batches(count: int, size: int, engine: Engine) -> list[np.ndarray]:
    batch = max(1, _PIXELS_A_BATCH[engine.device.type] // size**2)
    return [np.arange(start, min(start + batch, count)) for start in range(0, count, batch)]
