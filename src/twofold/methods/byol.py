"""BYOL: predict what a slowly moving copy of oneself makes of the other view; no negatives."""

from typing import Any, ClassVar

import torch
from torch import nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp
from twofold.nn.multicrop import apart, embed_views
from twofold.nn.norm import synchronise
from twofold.nn.teacher import Teacher, cosine_momentum
from twofold.objectives.regression import cosine_regression
from twofold.views import recipes


class BYOL(Method):
    """BYOL, Grill et al., NeurIPS 2020, arXiv:2006.07733: bootstrap your own latent.

    The online network predicts the target network's projection of the other view. The target is its
    moving average, without the predictor.

    Args:
        make_encoder: Builds the encoder f.
        momentum: tau_base, the target's momentum at the start; it rises to 1. Shorter runs want less
            (0.99 for 300 epochs, 0.97 for 40).
        hidden: Units of the hidden layer of the projector g; 0 for none, a list for any.
        dim: Length of z, the output of g; 0 for no projector, z = h.
        predictor_hidden: The same as ``hidden`` of the predictor q; by default as of the projector.

    Traps:
        - Nothing pushes embeddings apart: without the predictor, or with gradients into the target, they
          collapse.
        - Biases and norms are neither decayed nor scaled by LARS; the method depends on it.
        - Batch norm in both heads is part of what keeps it from collapse, and is synchronised.
        - The target starts as a copy of encoder and projector, and moves after the optimiser's step.
        - The loss is the sum over both directions; code that halves it has half the rate.
        - The last norm of every residual block starts at 0 in all encoders here but torchvision's; those of
          the paper did not.

    Published:
        - ImageNet, linear, ResNet-50, 300 epochs: 72.5
        - ImageNet, linear, ResNet-50, 1000 epochs: 74.3
        - ImageNet, linear, ResNet-200 x2: 79.6
        - CIFAR-10, online linear, ResNet-18, 1000 epochs, re-implementation: 92.58
    """

    views = recipes.D
    small_views = True
    later: ClassVar = ("predictor_hidden",)
    fed_by: ClassVar = {"predictor": "projector"}
    presets: ClassVar = {
        "imagenet": {
            "momentum": 0.99,
            "optimizer": "lars_out",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "warmup_epochs": 10,
            "batch_size": 4096,
            "epochs": 300,
        },
        "cifar10": {
            "momentum": 0.99,
            "recipe": recipes.D_CIFAR,
            "encoder": "resnet18",
            "optimizer": "larc_clip",
            "lr": 1.0,
            "weight_decay": 1e-5,
            "warmup_epochs": 10,
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "momentum": 0.97,
            "hidden": 1024,
            "dim": 128,
            "recipe": recipes.B,
            "batch_size": 128,
            "lr": 0.4,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        momentum: float = 0.996,
        hidden: Hidden = 4096,
        dim: int = 256,
        predictor_hidden: Hidden | None = None,
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, bias=False)
        width = dim or encoder.width
        q_hidden = hidden if predictor_hidden is None else predictor_hidden
        self.predictor = mlp(width, q_hidden, width, bias=False)
        self.teacher = Teacher(encoder=self.encoder, projector=self.projector)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Regression of the target's projections, in both directions; small views predict both."""
        (x1, x2), small = apart(batch, self.views)
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        q1, q2 = self.predictor(z1), self.predictor(z2)
        q_small = embed_views(self.encoder, lambda h: self.predictor(self.projector(h)), small)
        target1, target2 = (self.teacher(x).repeat(1 + len(small), 1) for x in (x1, x2))
        loss = cosine_regression(torch.cat([q1, *q_small]), target2)
        loss = loss + cosine_regression(torch.cat([q2, *q_small]), target1)
        return Step(loss, {"embedding": z1.detach(), "positive": z2.detach()})

    def after_step(self, progress: Progress) -> None:
        """The target follows, ever more slowly."""
        self.teacher.follow(cosine_momentum(self.momentum, progress))

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS, which the method depends on."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The projector g and the predictor q."""
        return {"projector": self.projector, "predictor": self.predictor}
