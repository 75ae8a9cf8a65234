"""MoCo v3: contrast with the keys of a large batch, and keep a vision transformer stable."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.fixed_patches import fix_patches
from twofold.nn.groups import matrices_and_vectors, moving
from twofold.nn.heads import Hidden, bare_norm, mlp
from twofold.nn.multicrop import apart, embed_views
from twofold.nn.norm import synchronise
from twofold.nn.teacher import Teacher, cosine_momentum
from twofold.objectives.batch_contrast import batch_info_nce
from twofold.views import recipes


class MoCoV3(Method):
    """MoCo v3, Chen et al., ICCV 2021, arXiv:2104.02057: momentum contrast within a large batch.

    A query must find the key of the other view of its image among the keys of the batch; there is no
    queue. Keys come from a slowly moving copy without the predictor, queries from encoder, projector and
    predictor. In vision transformers the patch embedding stays as it was drawn, which removes the
    instability of their training.

    Args:
        make_encoder: Builds the encoder of f_q.
        temperature: tau of InfoNCE; 0.2 for transformers.
        momentum: m of the key encoder f_k at the start; it rises to 1. Short runs want less.
        hidden: Units of the hidden layers of the projector; 0 for none, a list for any.
        dim: Length of q and k; 0 for no projector.
        predictor_hidden: The same as ``hidden`` of the predictor; by default as of the projector.

    Traps:
        - The patch embedding of a transformer is frozen, which weight decay has to leave alone too: it is
          not among the optimiser's parameters.
        - The projector ends with a batch norm without scale and offset, which the predictor of a ResNet
          has not; with transformers the projector has three layers, and both end with one.
        - Each direction of the loss is multiplied by 2 tau: learning rates are those of the paper only so.
        - Batch norm sees the whole batch, so no keys are shuffled.
        - Momentum rises with the steps, and the key encoder follows after the step.

    Published:
        - ImageNet, linear, ResNet-50, 100 epochs: 68.9
        - ImageNet, linear, ResNet-50, 300 epochs: 72.8
        - ImageNet, linear, ResNet-50, 1000 epochs: 74.6
        - ImageNet, linear, ViT-S/16, 300 epochs: 73.2
        - ImageNet, linear, ViT-B/16, 300 epochs: 76.7
        - CIFAR-10, online linear, ResNet-18, 1000 epochs: 93.1
    """

    views = recipes.sizes(recipes.D, [(1.0, (0.2, 1.0), 2)])
    small_views = True
    later: ClassVar = ("predictor_hidden",)
    fed_by: ClassVar = {"predictor": "projector"}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars_out",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "warmup_epochs": 10,
            "batch_size": 4096,
            "epochs": 300,
        },
        "vit": {
            "temperature": 0.2,
            "encoder": "vit_small_patch16_224",
            "recipe": recipes.D,
            "optimizer": "adamw",
            "lr": 1.5e-4,
            "weight_decay": 0.1,
            "warmup_epochs": 40,
            "batch_size": 4096,
            "epochs": 300,
        },
        "cifar10": {
            "temperature": 0.2,
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
            "temperature": 0.2,
            "momentum": 0.97,
            "hidden": 1024,
            "dim": 128,
            "recipe": recipes.B,
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 1.0,
        momentum: float = 0.99,
        hidden: Hidden = 4096,
        dim: int = 256,
        predictor_hidden: Hidden | None = None,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.encoder = encoder = make_encoder()
        fix_patches(encoder)
        self.transformer = encoder.patch_embedding is not None
        depth, last = (2, bare_norm) if self.transformer else (1, None)
        self.projector = mlp(encoder.width, hidden, dim, depth=depth, bias=False, last=bare_norm)
        width = dim or encoder.width
        q_hidden = hidden if predictor_hidden is None else predictor_hidden
        self.predictor = mlp(width, q_hidden, width, bias=False, last=last)
        self.teacher = Teacher(encoder=self.encoder, projector=self.projector)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """InfoNCE in both directions, with the keys of the batch; small views are queries only."""
        (x1, x2), small = apart(batch, self.views)
        q1, q2 = (self._queries(self.encoder(x)) for x in (x1, x2))
        q_small = embed_views(self.encoder, self._queries, small)
        k1, k2 = dist.gather(self.teacher(x1)), dist.gather(self.teacher(x2))
        rows = dist.rows(len(q1)).repeat(1 + len(q_small))
        there = batch_info_nce(torch.cat([q1, *q_small]), rows, k2, self.temperature)
        back = batch_info_nce(torch.cat([q2, *q_small]), rows, k1, self.temperature)
        loss = there + back
        picked = loss.detach() / (4 * self.temperature)  # the mean cross-entropy of both directions
        seen = {"embedding": q1.detach(), "positive": q2.detach(), "i_nce": i_nce(picked, len(k1))}
        return Step(loss, seen)

    def _queries(self, h: Float[Tensor, "n w"]) -> Float[Tensor, "n d"]:
        q: Tensor = self.predictor(self.projector(h))
        return q

    def after_step(self, progress: Progress) -> None:
        """The key encoder follows, ever more slowly."""
        self.teacher.follow(cosine_momentum(self.momentum, progress))

    def param_groups(self) -> list[dict[str, Any]]:
        """Of a transformer, everything is decayed; else biases and norms are neither decayed nor scaled."""
        if self.transformer:
            return [{"params": moving(self)}]
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """Projector and predictor of the queries."""
        return {"projector": self.projector, "predictor": self.predictor}
