"""Distillation: a student says of unlabelled images what a classifier says of them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import UsageError
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.nn.class_network import ClassNetwork
from twofold.nn.encoder import Encoder
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.norm import synchronise
from twofold.objectives.labelled import labelled_cross_entropy
from twofold.objectives.soft_targets import soft_cross_entropy
from twofold.views.ops.flips import Flip


class Distillation(Method):
    """Distillation, Chen et al., NeurIPS 2020, arXiv:2006.10029: learn what a classifier says of all images.

    Section 2: a classifier that was fine-tuned on few labels names all images, and a student learns its
    probabilities, no label needed. A small student comes close to a big teacher; one of the teacher's own
    size gets better than it (self-training). Where many images have a label, it can be learned, too.

    Args:
        make_encoder: Builds the student's encoder.
        temperature: tau of both softmaxes.
        alpha: Share of the teacher in the loss. Below 1, the rest is the cross-entropy of the images that
            have a label, of the classes that the teacher knows.

    Traps:
        - The teacher never trains, its batch norms neither: it names a crop by what it knows, not by the
          other crops of the batch.
        - Teacher and student see the same crop. Where it has another size than the teacher's images, the
          teacher gets it resized.
        - Above a temperature of 1 gradients fall with its square; the loss is multiplied by it.
        - Cross-entropy is the mean over the labelled images of a batch, of all processes: few labels weigh as
          much as many, and a batch without one learns from the teacher alone.

    Published:
        - ImageNet, 1 / 10% of the labels, ResNet-50 taught by a self-distilled ResNet-152 3x: 73.9 / 77.5
        - ImageNet, 1 / 10% of the labels, ResNet-50 taught by a ResNet-50 2x: 68.9 / 74.3
        - ImageNet, 1 / 10% of the labels, ResNet-152 3x taught by its equal: 76.6 / 80.9
    """

    encoder: Encoder
    views = Recipe("distillation", (ViewSpec(Crop(), (Flip(),)),))
    later: ClassVar = ("alpha",)
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars",
            "lr": 0.4,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.05,
            "schedule": "cosine",
            "batch_size": 4096,
            "epochs": 400,
        },
        "small": {
            "recipe": Recipe("distillation", (ViewSpec(Crop(scale=(0.2, 1.0)), (Flip(),)),)),
            "lr": 0.4,
        },
    }

    teacher: ClassNetwork | None

    def __init__(self, make_encoder: MakeEncoder, *, temperature: float = 1.0, alpha: float = 1.0) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise UsageError(f"--alpha must be from 0 to 1, not {alpha}")
        self.temperature = temperature
        self.alpha = alpha
        self.encoder = make_encoder()
        self.classifier: nn.Module = nn.Identity()
        self.teacher = None
        synchronise(self)

    @classmethod
    def told_labels(cls, arguments: Mapping[str, Any]) -> bool:
        """Where the teacher is not all that is learned from."""
        return bool(arguments.get("alpha", 1.0) < 1)

    def learn_from(self, teacher: ClassNetwork) -> None:
        """Takes a teacher, which then belongs to the state and never changes; before ``setup``."""
        self.teacher = teacher.requires_grad_(False).eval()

    def setup(self, items: int, classes: int, steps: int) -> None:
        """One output for each class of the teacher.

        Raises:
            UsageError: If there is no teacher.
        """
        if self.teacher is None:
            raise UsageError("distillation needs a teacher: twofold distill DATA --teacher CLASSIFIER")
        self.classifier = nn.Linear(self.encoder.width, len(self.teacher.classes))

    def train(self, mode: bool = True) -> "Distillation":
        """Training mode for all but the teacher."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy between the teacher's and the student's probabilities, and that of the labels."""
        assert self.teacher is not None
        x = batch.views[0].pixels
        side = self.teacher.encoder.spec["size"]
        seen = x if x.shape[-1] == side else F.interpolate(x, (side, side), mode="bilinear", antialias=True)
        with torch.no_grad():
            told = self.teacher(seen)
        h = self.encoder(x)
        said = cast_up(self.classifier(h))
        agreement = (said.argmax(dim=1) == told.argmax(dim=1)).to(h.dtype).mean()
        loss = soft_cross_entropy(said, told, self.temperature)
        if self.alpha < 1:
            labels = batch.targets["label"]
            labelled = dist.all_reduce((labels >= 0).sum().to(said.dtype)) / dist.world_size()
            loss = (1 - self.alpha) * labelled_cross_entropy(said, labels, labelled) + self.alpha * loss
        return Step(loss, {"embedding": h.detach(), "agreement": agreement})

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The student's linear classifier, its outputs in the order of the teacher's classes."""
        return {"classifier": self.classifier}
