"""One network for each group of an image's channels, as one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.colour_spaces import Space, convert
from twofold.core.errors import UsageError


class SplitBackbone(nn.Module):
    """Converts the colours, gives each network its channels, and puts features side by side.

    It has what an encoder asks of a timm model.

    Args:
        make: Builds the network for so many channels.
        space: What colours are converted to; None leaves them red, green and blue.
        groups: Positions of the channels that each network gets.

    Attributes:
        widths: Length of each network's features.

    Raises:
        UsageError: If these are not two groups or more, each of some of the three channels.

    Reference:
        Tian et al., ECCV 2020, arXiv:1906.05849, sections 3.2 and 4.
    """

    def __init__(
        self, make: Callable[[int], nn.Module], space: Space | None, groups: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        if len(groups) < 2 or not all(group and set(group) <= {0, 1, 2} for group in groups):
            raise UsageError(
                f"--groups {[[*group] for group in groups]}: give two groups or more, each of some of the "
                "channels 0, 1 and 2, as [[0],[1,2]]"
            )
        self.space = space
        self.groups = [list(group) for group in groups]
        networks: list[Any] = [make(len(group)) for group in groups]
        self.networks: Any = nn.ModuleList(networks)
        self.widths: list[int] = [width_of(network) for network in networks]
        self.num_features = sum(self.widths)
        stages = zip(*(network.feature_info for network in networks), strict=True)
        self.feature_info = [
            {**same[0], "num_chs": sum(stage["num_chs"] for stage in same)} for same in stages
        ]

    def forward_features(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b width"]:
        """The features of all networks, pooled already, each by its own."""
        return torch.cat(
            [net.forward_head(net.forward_features(part), pre_logits=True) for net, part in self._parts(x)],
            dim=1,
        )

    def forward_head(
        self, features: Float[Tensor, "b width"], pre_logits: bool = False
    ) -> Float[Tensor, "b width"]:
        """The features as they are."""
        return features

    def forward_intermediates(
        self, x: Float[Tensor, "b 3 h w"], **how: object
    ) -> list[Float[Tensor, "b d gh gw"]]:
        """Feature maps of every stage."""
        stages = zip(*(net.forward_intermediates(part, **how) for net, part in self._parts(x)), strict=True)
        return [torch.cat(maps, dim=1) for maps in stages]

    def _parts(self, x: Tensor) -> list[tuple[Any, Tensor]]:
        """Each network with its channels, from -1 to 1."""
        colours = 2 * (x if self.space is None else convert(x, self.space)) - 1
        parts = [colours[:, group] for group in self.groups]
        return list(zip(self.networks, parts, strict=True))


def width_of(network: Any) -> int:
    """Length of a network's pooled features, which may pass another layer than those of the map."""
    return int(getattr(network, "head_hidden_size", None) or network.num_features)
