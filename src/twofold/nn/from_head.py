"""An encoder that keeps the first layers of its projection head."""

from collections.abc import Mapping
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import UsageError
from twofold.nn.encoder import Encoder

State = Mapping[str, Tensor]

_EPSILON = nn.BatchNorm1d(1).eps


def with_layers(encoder: Encoder, head: State, layers: int) -> Encoder:
    """The encoder with the first layers of a projection head on top, each with its ReLU; in eval mode.

    A batch norm behind a linear layer is folded into it: with its running statistics it is a scale and an
    offset of each unit.

    Args:
        encoder: With no such layers yet.
        head: State of a head of linear layers, with a ReLU after each but the last.
        layers: How many of them to keep, at least 1.

    Raises:
        UsageError: If the head is none of that kind, or has too few layers.

    Reference:
        Chen et al., NeurIPS 2020, arXiv:2006.10029, section 2.
    """
    linear = _linear_layers(head)
    if layers >= len(linear):
        raise UsageError(
            f"{layers} layers of the projection head cannot be kept: it has {len(linear)}, the last of which "
            "is its output"
        )
    kept = linear[:layers]
    grown = Encoder(**encoder.spec, head=[len(weight) for weight, _ in kept])
    state = dict(encoder.state_dict())
    for position, (weight, bias) in enumerate(kept):
        state |= {f"head.{2 * position}.weight": weight, f"head.{2 * position}.bias": bias}
    grown.load_state_dict(state)
    return grown.eval()


def _linear_layers(head: State) -> list[tuple[Float[Tensor, "out in"], Float[Tensor, " out"]]]:
    """Weight and bias of each linear layer, batch norms folded in."""
    layers: list[tuple[Tensor, Tensor]] = []
    for part in _parts(head):
        if "running_mean" in part and layers:
            layers[-1] = _folded(*layers[-1], part)
        elif part["weight"].ndim == 2:
            layers.append((part["weight"], part.get("bias", torch.zeros(len(part["weight"])))))
        else:
            raise UsageError("the projection head is no stack of linear layers: none of it can be kept")
    return layers


def _parts(head: State) -> list[State]:
    """State of each layer in the order of the positions that their names start with."""
    if not all(name.partition(".")[0].isdecimal() for name in head):
        raise UsageError("the projection head is no stack of linear layers: none of it can be kept")

    def position(name: str) -> int:
        return int(name.partition(".")[0])

    return [
        {name.partition(".")[2]: head[name] for name in names}
        for _, names in groupby(sorted(head, key=position), position)
    ]


def _folded(weight: Tensor, bias: Tensor, norm: State) -> tuple[Tensor, Tensor]:
    scale = norm.get("weight", torch.ones(len(bias))) / (norm["running_var"] + _EPSILON).sqrt()
    offset = norm.get("bias", torch.zeros_like(scale))
    return weight * scale[:, None], (bias - norm["running_mean"]) * scale + offset
