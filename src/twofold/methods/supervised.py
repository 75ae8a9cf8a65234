"""Supervised cross-entropy: what labels alone would have given."""

from typing import ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.nn.encoder import Encoder
from twofold.nn.norm import synchronise
from twofold.views.ops.flips import Flip


class Supervised(Method):
    """Supervised baseline, He et al., CVPR 2016, arXiv:1512.03385: labels alone, from scratch.

    It learns from labels, so it is no pretext task: it is the baseline that pre-training has to beat.
    Images without a label (-1) take no part in the loss.

    Args:
        make_encoder: Builds the encoder f.
        label_smoothing: Share of the target that is spread over all classes.
    """

    encoder: Encoder
    views = Recipe("supervised", (ViewSpec(Crop(), (Flip(),)),))
    learns_from_labels: ClassVar[bool] = True
    presets: ClassVar = {"small": {}}

    def __init__(self, make_encoder: MakeEncoder, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.encoder = make_encoder()
        self.classifier: nn.Module = nn.Identity()
        self.label_smoothing = label_smoothing
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """One output a class."""
        self.classifier = nn.Linear(self.encoder.width, classes)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy of the labelled images."""
        h = self.encoder(batch.views[0].pixels)
        logits = cast_up(self.classifier(h))
        labels = batch.targets["label"]
        labelled = dist.all_reduce((labels >= 0).sum().to(logits.dtype)) / dist.world_size()
        loss = nn.functional.cross_entropy(
            logits, labels, ignore_index=-1, reduction="sum", label_smoothing=self.label_smoothing
        ) / labelled.clamp(min=1)
        return Step(loss, {"embedding": h.detach()})

    def parts(self) -> dict[str, nn.Module]:
        """The linear classifier."""
        return {"classifier": self.classifier}
