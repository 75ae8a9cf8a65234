"""DINO: a student learns from small views what its own moving average says of large ones."""

import math
from typing import Any, ClassVar

import torch
from torch import nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.center import Center
from twofold.nn.directions import Directions, bottleneck
from twofold.nn.drop_path import drop_paths, dropping
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden
from twofold.nn.multicrop import embed_views
from twofold.nn.norm import synchronise
from twofold.nn.teacher import Teacher, cosine_momentum
from twofold.objectives.clustering import swapped_prediction
from twofold.objectives.distillation import centred_targets, mean_entropy
from twofold.views import recipes


class DINO(Method):
    """DINO, Caron et al., ICCV 2021, arXiv:2104.14294: self-distillation without labels.

    A student predicts from every view what a teacher says of every other global view, as a distribution
    over many outputs. The teacher is the student's moving average. Its outputs are centred, so that no
    output answers everything, and sharpened, so that not all of them answer alike.

    Args:
        make_encoder: Builds the encoder of the student g_s.
        temperature: tau_s of the student.
        teacher_temperature: tau_t of the teacher after its rise; above 0.07 training is unstable.
        first_temperature: tau_t at the start.
        warm_epochs: Epochs over which tau_t rises.
        momentum: lambda of the teacher g_t at the start; it rises to 1. Small batches want more (0.9995 for
            256), short runs less.
        center_momentum: m of the center C.
        prototypes: K, number of outputs. Small data want fewer.
        hidden: Units of the two hidden layers of the projector; 0 for none, a list for any.
        dim: Length of the bottleneck before the last layer; 0 for no projector.
        norm: Batch norm in the projector of encoders that are no transformers.
        clip: Largest norm of the gradient of each parameter; 0 for any.
        frozen_epochs: Epochs at the start in which the last layer does not move. Short runs cannot afford it.
        decay_growth: What the weight decay is multiplied by in the end (the paper's goes from 0.04 to 0.4).
        drop_path: Share of the images that go past the student's last residual branch; past earlier ones go
            fewer. The paper's transformers have 0.1 (preset imagenet), its ResNets none.

    Traps:
        - The teacher is evaluated, not the student: ``encoder`` is the teacher's, and so are the parts that
          are saved.
        - The loss meets the center of before; it follows after the step, by the raw outputs of all
          processes for both global views.
        - The teacher sees global views only, and no view is compared with itself: views are told apart by
          their place in the recipe.
        - Each parameter's gradient is clipped for itself, and the last layer's is cancelled after that.
        - Weight decay grows during the training, and spares biases and norms.
        - Only the student drops paths: a teacher that did would be sure of less than it knows.
        - Cosines with random directions spread as 1 / sqrt(dim): a shorter bottleneck sharpens the targets as
          a lower tau_t does. With ``dim`` 64 and a frozen last layer, twelve of 1024 outputs were left after
          an epoch, and an effective rank of 3; with 256 and a free one three quarters of them, and 14.
        - A loss that stays at log K, or falls to 0 at once, is collapse: ``teacher_entropy`` at log K means
          uniform targets, at 0 one target for all, and ``divergence`` is 0 in both.

    Published:
        - ImageNet, linear, ViT-S/16: 77.0
        - ImageNet, k-NN, ViT-S/16: 74.5
        - ImageNet, linear, ViT-B/16: 78.2
        - ImageNet, k-NN, ViT-B/16: 76.1
        - ImageNet, linear, ViT-B/8: 80.1
        - ImageNet, linear, ResNet-50: 75.3
        - ImageNet, k-NN, ResNet-50: 67.5
        - CIFAR-10, online linear, ResNet-18, 1000 epochs: 89.52
    """

    views = recipes.dino()
    fed_by: ClassVar = {"prototypes": "projector"}
    later: ClassVar = ("drop_path", "norm")
    presets: ClassVar = {
        "imagenet": {
            "drop_path": 0.1,
            "encoder": "vit_small_patch16_224",
            "optimizer": "adamw",
            "lr": 5e-4,
            "weight_decay": 0.04,
            "warmup_epochs": 10,
            "floor": 1e-6 / (5e-4 * 1024 / 256),
            "batch_size": 1024,
            "epochs": 300,
        },
        "resnet": {
            "decay_growth": 1.0,
            "recipe": recipes.dino((0.14, 1.0), local_scale=(0.05, 0.14)),
            "encoder": "resnet50",
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "warmup_epochs": 10,
            "batch_size": 1024,
            "epochs": 800,
        },
        "cifar10": {
            "momentum": 0.9995,
            "prototypes": 4096,
            "norm": False,
            "clip": 0.0,
            "warm_epochs": 50,
            "decay_growth": 1.0,
            "recipe": recipes.D_CIFAR,
            "encoder": "resnet18",
            "optimizer": "larc_clip",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "warmup_epochs": 10,
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "teacher_temperature": 0.04,
            "momentum": 0.97,
            "prototypes": 1024,
            "hidden": 512,
            "frozen_epochs": 0,
            "decay_growth": 1.0,
            "recipe": recipes.multi_crop(
                recipes.B, (0.2, 1.0), local_count=2, local_scale=(0.1, 0.3), local_side=2 / 3
            ),
            "batch_size": 128,
            "optimizer": "adamw",
            "lr": 0.008,
            "weight_decay": 1e-4,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.1,
        teacher_temperature: float = 0.07,
        first_temperature: float = 0.04,
        warm_epochs: int = 30,
        momentum: float = 0.996,
        center_momentum: float = 0.9,
        prototypes: int = 65536,
        hidden: Hidden = 2048,
        dim: int = 256,
        norm: bool = True,
        clip: float = 3.0,
        frozen_epochs: int = 1,
        decay_growth: float = 10.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.teacher_temperature = teacher_temperature
        self.first_temperature = first_temperature
        self.warm_epochs = warm_epochs
        self.momentum = momentum
        self.center_momentum = center_momentum
        self.clip = clip
        self.frozen_epochs = frozen_epochs
        self.decay_growth = decay_growth
        self.student = student = make_encoder()
        transformer = student.patch_embedding is not None
        self.projector = bottleneck(student.width, hidden, dim, norm=norm and not transformer)
        self.prototypes = Directions(dim or student.width, prototypes)
        self.teacher = Teacher(encoder=student, projector=self.projector, prototypes=self.prototypes)
        drop_paths(student, drop_path)  # the teacher is a copy of before
        self.drop_seed = 1_000_003 * torch.initial_seed() % 2**32  # runs of other seeds drop others
        self.center = Center(prototypes)
        synchronise(self)
        self.encoder = self.teacher.encoder  # a second name for it: it is the teacher that is evaluated

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy between the teacher's targets for global views and the student's other views."""
        taught = self.views.globals_
        pixels = [view.pixels for view in batch.views]
        with dropping(self.student, self.drop_seed + progress.step, len(batch.item)):
            z = embed_views(self.student, self.projector, pixels)
        g_s = self.prototypes(z)
        g_t = embed_views(self.teacher, lambda g: g, [pixels[i] for i in taught])

        p_t = centred_targets(g_t, self.center.mean, self._teacher_temperature(progress))
        loss = swapped_prediction(g_s, p_t, taught, self.temperature)
        self.center.stage(g_t.flatten(0, 1))
        entropy = mean_entropy(p_t)
        seen = {"embedding": z[0].detach(), "positive": z[1].detach(), "assignment": p_t.flatten(0, 1)}
        scalars = {"teacher_entropy": entropy, "divergence": loss.detach() - entropy}
        return Step(loss, {**seen, **scalars})

    def _teacher_temperature(self, progress: Progress) -> float:
        """tau_t, which rises linearly from epoch to epoch."""
        risen = min(1.0, progress.epoch / self.warm_epochs) if self.warm_epochs else 1.0
        return self.first_temperature + risen * (self.teacher_temperature - self.first_temperature)

    def before_step(self, progress: Progress) -> None:
        """Gradients are clipped one by one; the last layer stands still at first."""
        for p in self.parameters():
            if p.grad is not None and self.clip:
                p.grad.mul_((self.clip / (p.grad.norm() + 1e-6)).clamp(max=1))
        if progress.epoch < self.frozen_epochs:
            self.prototypes.weight.grad = None

    def after_step(self, progress: Progress) -> None:
        """The teacher follows, ever more slowly, and the center its outputs."""
        self.teacher.follow(cosine_momentum(self.momentum, progress))
        self.center.follow(self.center_momentum)

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are not decayed; for the rest weight decay grows along half a cosine."""
        matrices, vectors = matrices_and_vectors(self)
        return [{**matrices, "weight_decay_scale": self._decay}, vectors]

    def _decay(self, progress: Progress) -> float:
        return 1 + (self.decay_growth - 1) * (1 - math.cos(math.pi * progress.fraction)) / 2

    def parts(self) -> dict[str, nn.Module]:
        """The teacher's projector and last layer, which belong to the encoder that is saved."""
        return {"projector": self.teacher.projector, "prototypes": self.teacher.prototypes}
