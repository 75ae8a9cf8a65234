"""torchvision's classifiers without their last layer, as what an encoder asks of a timm model.

The only user of torchvision's models.
"""

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import UsageError, nearest

PREFIX = "torchvision/"
"""Of an encoder's name, before that of the model."""

_LEFT_OUT = {"googlenet", "inception_v3"}
"""They normalise images by themselves, but only with public weights."""
_SEQUENCES = ("features", "blocks")
"""Names of parts that are sequences of others, of whatever class."""


class TorchvisionBackbone(nn.Module):
    """A classifier of torchvision up to its last layer.

    Args:
        name: Of the model.
        size: Side of the images in pixels; vision transformers take no other.
        pretrained: Load the public weights.

    Attributes:
        num_features: Length of the features.

    Raises:
        UsageError: If there is no such model.
        OSError: If the weights cannot be downloaded.
    """

    def __init__(self, name: str, size: int, pretrained: bool) -> None:
        super().__init__()
        from torchvision import models

        _require(name)
        settings = {"image_size": size} if name.startswith("vit_") and not pretrained else {}
        weights = models.get_model_weights(name).DEFAULT if pretrained else None
        self.network: Any = models.get_model(name, weights=weights, progress=False, **settings)
        last, layer = [m for m in self.network.named_modules() if isinstance(m[1], nn.Linear | nn.Conv2d)][-1]
        self.num_features = int(layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels)
        self.network.set_submodule(last, nn.Identity())
        self._size = size

    @property
    def patch_embed(self) -> nn.Module | None:
        """What turns patches into tokens, in a vision transformer; None in other networks."""
        swin = type(self.network).__name__ == "SwinTransformer"
        return self.network.features[0] if swin else getattr(self.network, "conv_proj", None)

    @property
    def pos_embed(self) -> nn.Parameter | None:
        """The positions that a vision transformer learns; None in other networks."""
        return getattr(getattr(self.network, "encoder", None), "pos_embedding", None)

    @property
    def feature_info(self) -> list[dict[str, int]]:
        """Channels of every feature map."""
        was = self.network.training
        with torch.no_grad():
            maps = self.eval()._maps(torch.zeros(1, 3, self._size, self._size))
        self.train(was)
        return [{"num_chs": each.shape[1]} for each in maps]

    def forward_features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width"]:
        """The features, pooled already: every model does that in its own way."""
        features: Tensor = self.network(x.expand(-1, 3, -1, -1)).flatten(1)
        return features

    def forward_head(
        self, features: Float[Tensor, "b width"], pre_logits: bool = False
    ) -> Float[Tensor, "b width"]:
        """The features as they are."""
        return features

    def forward_intermediates(
        self, x: Float[Tensor, "b c h w"], **how: object
    ) -> list[Float[Tensor, "b d gh gw"]]:
        """The last feature map of each resolution."""
        return self._maps(x.expand(-1, 3, -1, -1))

    def _maps(self, x: Tensor) -> list[Tensor]:
        found: dict[int, Tensor] = {}

        def see(made: object) -> None:
            if (seen := _as_map(made)) is not None:
                found[seen.shape[-1]] = seen

        hooks = [block.register_forward_hook(lambda *given: see(given[2])) for block in _blocks(self.network)]
        try:
            self.network(x)
        finally:
            for hook in hooks:
                hook.remove()
        return [found[side] for side in sorted(found, reverse=True)]


class Public(NamedTuple):
    """What the public weights of a model expect.

    Args:
        size: Side of the images in pixels.
        mean: Channel means.
        std: Channel standard deviations.
        address: Where they are downloaded from.
        file: Where they lie once they are.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    address: str
    file: Path


def public(name: str) -> Public:
    """What the public weights of a model expect.

    Raises:
        UsageError: If there is no such model.
    """
    from torchvision import models

    _require(name)
    weights = models.get_model_weights(name).DEFAULT
    seen = weights.transforms()
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    return Public(seen.crop_size[0], tuple(seen.mean), tuple(seen.std), weights.url, file)


def smallest(name: str) -> int:
    """Side of the smallest images that a model takes, in pixels.

    Raises:
        UsageError: If there is no such model.
    """
    from torchvision import models

    _require(name)
    return int(max(models.get_model_weights(name).DEFAULT.meta["min_size"]))


def _require(name: str) -> None:
    if name not in _known():
        raise UsageError(f"torchvision has no classifier '{name}'{nearest(name, _known())}")


@cache
def _known() -> list[str]:
    from torchvision import models

    return [name for name in models.list_models(module=models) if name not in _LEFT_OUT]


def _blocks(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that are no mere sequences of others, without what pools to a fixed size."""
    parts = []
    for name, child in network.named_children():
        parts += _blocks(child) if type(child) is nn.Sequential or name in _SEQUENCES else [child]
    return [part for part in parts if not isinstance(part, nn.AdaptiveAvgPool2d)]


def _as_map(made: object) -> Float[Tensor, "b d side side"] | None:
    """What a block made, where it is a map of more than one place or the tokens of one."""
    if isinstance(made, Tensor) and made.ndim == 3:
        side = math.isqrt(made.shape[1] - 1)
        if side * side == made.shape[1] - 1:
            made = made[:, 1:].mT.unflatten(2, (side, side))
    square = isinstance(made, Tensor) and made.ndim == 4 and made.shape[2] == made.shape[3] > 1
    return made if square else None  # type: ignore[return-value]
