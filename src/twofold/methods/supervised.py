"""Supervised cross-entropy: what labels alone would have given."""

from typing import ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.nn.encoder import Encoder
from twofold.nn.heads import Hidden, mlp
from twofold.nn.multicrop import apart, embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.labelled import labelled_cross_entropy
from twofold.views.ops.crop import PaddedCrop
from twofold.views.ops.flips import Flip

_MOVED = Recipe(
    "supervised-cifar",
    (ViewSpec(Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0)), (PaddedCrop(), Flip())),),
)
"""A crop out of the image with a margin of 4 of 32 pixels, mirrored."""


class Supervised(Method):
    """Supervised baseline, He et al., CVPR 2016, arXiv:1512.03385: labels alone, from scratch.

    It learns from labels, so it is no pretext task: it is the baseline that pre-training has to beat. A
    linear classifier stands on the encoder, or on a projection head as the pretext tasks have one: what the
    head alone does to an encoder can then be told from what the pretext task does.

    Args:
        make_encoder: Builds the encoder f.
        label_smoothing: Share of the target that is spread over all classes.
        hidden: Units of the hidden layer of a projection head before the classifier; 0 for no head, a list
            for any ([] is a linear head).
        dim: Length of the output of that head.

    Traps:
        - Images without a label (-1) take no part in the loss, which is a mean over the labelled images of
          all processes and not over those of each one.
        - Strong colour distortion, which pretext tasks need, costs supervised accuracy: crop and mirror only.

    Published:
        - ImageNet, ResNet-50, 90 to 100 epochs (preset imagenet): 76.1 to 76.5
        - ImageNet, ResNet-50, 2x224, by SwAV's authors: 76.5
        - ImageNet, ResNet-50, 2x160 + 4x96, by SwAV's authors: 76.0
        - CIFAR-10, ResNet-18, 200 epochs (preset cifar10): about 95
    """

    encoder: Encoder
    views = Recipe("supervised", (ViewSpec(Crop(), (Flip(),)),))
    learns_from_labels: ClassVar[bool] = True
    more_views = True
    small_views = True
    fed_by: ClassVar = {"classifier": "projector"}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "nesterov",
            "lr": 0.1,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "step",
            "drops": (30 / 90, 60 / 90, 80 / 90),
            "drop": 0.1,
            "batch_size": 256,
            "epochs": 90,
        },
        "cifar10": {
            "recipe": _MOVED,
            "encoder": "resnet18",
            "optimizer": "sgd",
            "lr": 0.2,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "cosine",
            "batch_size": 128,
            "epochs": 200,
        },
        "small": {"lr": 0.4},
    }

    def __init__(
        self, make_encoder: MakeEncoder, *, label_smoothing: float = 0.0, hidden: Hidden = 0, dim: int = 128
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.encoder = encoder = make_encoder()
        dim = 0 if hidden == 0 else dim
        self.projector = mlp(encoder.width, hidden, dim)
        self.classifier: nn.Module = nn.Identity()
        self.width = dim or encoder.width
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """One output a class."""
        self.classifier = nn.Linear(self.width, classes)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy of the labelled images, in every view of them."""
        whole, small = apart(batch, self.views)
        h = embed_views(self.encoder, lambda h: h, [*whole, *small])
        logits = cast_up(self.classifier(self.projector(h.flatten(0, 1))))
        labels = batch.targets["label"].repeat(len(h))
        labelled = dist.all_reduce((labels >= 0).sum().to(logits.dtype)) / dist.world_size()
        loss = labelled_cross_entropy(logits, labels, labelled, self.label_smoothing)
        return Step(loss, {"embedding": h[0].detach()})

    def parts(self) -> dict[str, nn.Module]:
        """The projection head, empty where there is none, and the linear classifier."""
        return {"projector": self.projector, "classifier": self.classifier}
