"""An encoder with a head that turns its vectors into classes, and where the two lie on disk."""

import json
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.precision import cast_up
from twofold.nn.encoder import Encoder
from twofold.nn.heads import mlp
from twofold.nn.weights import load_encoder, load_parts

HeadKind: TypeAlias = Literal["linear", "mlp"]

ABOUT, ENCODER, HEAD = "classifier.json", "encoder.safetensors", "head.safetensors"
"""Files of a classifier's folder."""


class Standardise(nn.Module):
    """``(h - mean) / scale``, each channel's own.

    Args:
        width: Number of channels.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def forward(self, h: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The same on one scale."""
        return (h - self.mean) / self.scale


def new_head(kind: HeadKind, width: int, classes: int) -> nn.Sequential:
    """A head that knows nothing yet: ``h`` to logits.

    Args:
        kind: ``linear``, or ``mlp`` with one hidden layer as wide as ``h``.
        width: Length of ``h``.
        classes: Number of classes.
    """
    if kind == "linear":
        return nn.Sequential(Standardise(width), nn.Linear(width, classes))
    return nn.Sequential(Standardise(width), mlp(width, width, classes, norm=False))


class ClassNetwork(nn.Module):
    """Images to logits.

    Args:
        encoder: Turns images into vectors.
        head: Turns vectors into logits.
        classes: Their names, in the order of the logits.
    """

    def __init__(self, encoder: Encoder, head: nn.Module, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.classes = classes

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        """Logits, in full precision, of colours in [0, 1]."""
        h = cast_up(self.encoder(x))
        with torch.autocast(h.device.type, enabled=False):
            logits: Tensor = self.head(h)
            return logits


def load_class_network(folder: Path) -> ClassNetwork:
    """The networks of a classifier that ``twofold fit`` wrote, in eval mode.

    Raises:
        UsageError: If this is no such folder.
        TwofoldError: If a file in it is missing or damaged.
    """
    if not (folder / ABOUT).is_file():
        raise UsageError(f"{folder} is not a classifier: it has no {ABOUT} (make one with: twofold fit)")
    try:
        told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        encoder, classes = load_encoder(folder / ENCODER), tuple(told["classes"])
        head = new_head(told["head"], encoder.width, len(classes))
        head.load_state_dict(load_parts(folder / HEAD)["head"])
        return ClassNetwork(encoder, head, classes).eval()
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise TwofoldError(f"{folder} is damaged, or of another version of twofold: {error}") from error
