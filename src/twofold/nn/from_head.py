"""An encoder that keeps the first layers of its projection head."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from twofold.core.errors import UsageError
from twofold.nn.encoder import Encoder


def with_layers(encoder: Encoder, head: nn.Module, layers: int) -> Encoder:
    """The encoder with the first layers of a projection head on top, each with its ReLU; in eval mode.

    A batch norm behind a linear layer is folded into it: with its running statistics it is a scale and an
    offset of each unit.

    Args:
        encoder: With no such layers yet.
        head: Linear layers, with a ReLU after each but the last.
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


@torch.no_grad()
def _linear_layers(head: nn.Module) -> list[tuple[Float[Tensor, "out in"], Float[Tensor, " out"]]]:
    """Weight and bias of each linear layer, batch norms folded in."""
    layers: list[tuple[Tensor, Tensor]] = []
    for part in head if isinstance(head, nn.Sequential) else [head]:
        if isinstance(part, nn.Linear):
            bias = torch.zeros(len(part.weight)) if part.bias is None else part.bias
            layers.append((part.weight, bias))
        elif isinstance(part, _BatchNorm) and layers:
            layers[-1] = _folded(*layers[-1], part)
        elif not isinstance(part, nn.ReLU):
            raise UsageError(
                "the projection head is no stack of linear layers with ReLUs between them, there is "
                f"{type(part).__name__} in it: none of it can be kept, leave --from-head away"
            )
    return layers


def _folded(weight: Tensor, bias: Tensor, norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = norm.weight * scale
    offset = torch.zeros_like(scale) if norm.bias is None else norm.bias
    return weight * scale[:, None], (bias - norm.running_mean) * scale + offset
