"""SwAV: predict the cluster code of one view from another, with codes balanced over the batch."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.heads import Hidden, Prototypes, mlp
from twofold.nn.multicrop import embed_views
from twofold.nn.norm import synchronise
from twofold.nn.queue import Queue, fitting_length
from twofold.objectives.clustering import sinkhorn, swapped_prediction
from twofold.views import recipes


class SwAV(Method):
    """SwAV, Caron et al., NeurIPS 2020, arXiv:2006.09882: swapped assignments between views.

    Global views get codes over learned prototypes by optimal transport; every other view, small local
    ones included, must predict them.

    Args:
        make_encoder: Builds the encoder f.
        temperature: tau of the predictions.
        epsilon: Smoothness of the codes. Lower it to 0.03 where the loss stays at log(prototypes).
        iterations: Turns of the Sinkhorn algorithm.
        prototypes: K, number of prototypes. Small data want fewer.
        hidden: Units of the hidden layer of the projector; 0 for none, a list for any.
        dim: Length of z; 0 for no projector, z = h.
        frozen_steps: Steps at the start in which prototypes do not move: the paper's are an epoch of
            ImageNet. Where none are asked for, two epochs at most.
        queue: Past embeddings of each global view that join in making codes; 0 for none. The paper
            takes 3840 with batches of 256 (preset imagenet_256). Where none is asked for, it holds at most
            one of each image, or those of a step.
        queue_epoch: Epoch in which the queue starts to fill.

    Traps:
        - Only global views get codes: small crops would ask of the others what they cannot show.
        - The sums of the codes run over the batches of all processes.
        - A loss that stays at log(prototypes) is collapse: a lower epsilon, prototypes frozen for longer.
        - Codes are made in float32, less their maximum: e to the power of 1 / epsilon leaves half types.
        - A queue that joins in too early holds embeddings of a network that is no more: it is used when it
          is full, from some epoch on.

    Published:
        - ImageNet, linear, ResNet-50, 2x224, 400 epochs: 70.1
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 100 epochs: 72.1
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 200 epochs: 73.9
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 400 epochs: 74.6
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 800 epochs: 75.3
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 400 epochs, batch 256: 74.3
        - CIFAR-10, online linear, ResNet-18, 1000 epochs, re-implementation: 89.17
    """

    views = recipes.multi_crop(recipes.C)
    queue: Queue | None
    revision: ClassVar[int] = 2
    fed_by: ClassVar = {"prototypes": "projector"}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "larc",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "warmup_start": 0.3 / 4.8,
            "floor": 1e-3,
            "batch_size": 4096,
            "epochs": 400,
        },
        "imagenet_256": {
            "frozen_steps": 5005,
            "queue": 3840,
            "queue_epoch": 15,
            "optimizer": "larc",
            "lr": 0.6,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup": 0.0,
            "floor": 1e-3,
            "batch_size": 256,
            "epochs": 400,
        },
        "cifar10": {
            "frozen_steps": 2 * 195,
            "queue": 3840,
            "queue_epoch": 50,
            "recipe": recipes.C_BLURRED_AT_32,
            "encoder": "resnet18",
            "optimizer": "larc_clip",
            "lr": 0.6,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "epsilon": 0.03,
            "prototypes": 500,
            "hidden": 512,
            "dim": 128,
            "frozen_steps": 20,
            "recipe": recipes.multi_crop(
                recipes.B, (0.2, 1.0), local_count=2, local_scale=(0.1, 0.3), local_side=2 / 3
            ),
            "optimizer": "adamw",
            "lr": 0.008,
            "weight_decay": 1e-4,
        },
    }

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:
        """Of few images, fewer embeddings are kept, and prototypes move sooner."""
        queue, two_epochs = arguments["queue"], 2 * math.ceil(images / batch_size)
        return {
            "frozen_steps": min(arguments["frozen_steps"], two_epochs),
            "queue": fitting_length(max(queue, batch_size), images, batch_size) if queue else 0,
        }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        prototypes: int = 3000,
        hidden: Hidden = 2048,
        dim: int = 128,
        frozen_steps: int = 313,
        queue: int = 0,
        queue_epoch: int = 15,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.epsilon = epsilon
        self.iterations = iterations
        self.frozen_steps = frozen_steps
        self.queue_epoch = queue_epoch
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim)
        width = dim or encoder.width
        self.prototypes = Prototypes(width, prototypes)
        self.queue = Queue(queue, width * len(self.views.globals_)) if queue else None
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy between the codes of global views and the predictions of all others."""
        z = embed_views(self.encoder, self.projector, [view.pixels for view in batch.views])
        scores = self.prototypes(z)
        coded = self.views.globals_
        codes = self._codes(scores[list(coded)])
        if self.queue:
            self.queue.check(len(z[0]) * dist.world_size())
        if self.queue and progress.epoch >= self.queue_epoch:
            self.queue.stage(dist.gather(torch.cat([z[i].detach() for i in coded], dim=1)))
        loss = swapped_prediction(scores, codes, coded, self.temperature)
        seen = {"embedding": z[0].detach(), "positive": z[1].detach(), "assignment": codes.flatten(0, 1)}
        return Step(loss, {**seen, "prototypes_used": _share_used(codes[0])})

    @torch.no_grad()
    def _codes(self, scores: Float[Tensor, "g b k"]) -> Float[Tensor, "g b k"]:
        """Codes from the scores of the whole batch, with those of past embeddings where kept."""
        batch = everyone = dist.gather(scores.transpose(0, 1))
        if self.queue and self.queue.full:
            past = self.prototypes(self.queue.keys.unflatten(1, (len(scores), -1)))
            everyone = torch.cat([past, batch])
        own = len(everyone) - len(batch) + dist.rows(scores.shape[1])
        views = everyone.unbind(dim=1)
        return torch.stack([sinkhorn(view, self.epsilon, self.iterations)[own] for view in views])

    def before_step(self, progress: Progress) -> None:
        """Prototypes stand still at first."""
        if progress.step < self.frozen_steps:
            self.prototypes.weight.grad = None

    def after_step(self, progress: Progress) -> None:
        """Prototypes return to unit length; embeddings enter the queues."""
        self.prototypes.renormalise()
        if self.queue:
            self.queue.write()

    def parts(self) -> dict[str, nn.Module]:
        """The projector and the prototypes C."""
        return {"projector": self.projector, "prototypes": self.prototypes}


def _share_used(codes: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Share of the prototypes that are some sample's first choice; it falls where training collapses."""
    return torch.zeros_like(codes[0]).scatter(0, codes.argmax(dim=1), 1.0).mean()
