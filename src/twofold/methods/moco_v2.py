"""MoCo v2: a queue of keys from a slowly moving encoder, in place of a large batch."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.batch_parts import whole_parts
from twofold.nn.heads import Hidden, mlp
from twofold.nn.multicrop import apart
from twofold.nn.norm import average_statistics, split
from twofold.nn.queue import Queue, fitting_length
from twofold.nn.shuffle import shuffled_keys
from twofold.nn.teacher import Teacher, cosine_momentum
from twofold.objectives.contrastive import info_nce
from twofold.objectives.hard_negatives import skewed_ranks
from twofold.views import recipes


class MoCoV2(Method):
    """MoCo v2, Chen et al., 2020, arXiv:2003.04297: contrast with a queue, a deeper head, stronger views.

    A query must find the key of the other view of its image among a long queue of past keys. Keys come
    from a copy of the encoder that follows slowly (MoCo, arXiv:1911.05722). Batch norm sees small groups,
    and keys are grouped in another order than queries.

    Args:
        make_encoder: Builds the query encoder f_q.
        temperature: tau of InfoNCE.
        momentum: m of the key encoder f_k. Short runs want less (0.99).
        last_momentum: What m rises to along half a cosine; the paper's does not (None).
        queue: K, number of past keys that serve as negatives. Small data want fewer (4096).
        hidden: Units of the hidden layer of the head; 0 for none, a list for any.
        dim: Length of q and k; 0 for no head, q = h.
        bn_splits: Groups that the whole batch makes for batch norm: the paper's 8 devices. The batch
            must divide by it.
        symmetric: Whether each view is the query once (the loss is then the mean of both).
        hardness: How much like the query negatives are, which are then drawn from the queue by their rank;
            0 takes every key of the queue once, and up to about 0.4 they are easier than that.

    Traps:
        - Batch norm over one and the same group of queries and keys tells which keys may be the right one:
          keys are computed in a shuffled order, here as on several devices.
        - A queue that is filled before the loss holds each positive among its own negatives: keys are
          written after the step.
        - The key encoder starts as a copy of encoder and head, and stays in train mode.
        - The head has no batch norm. Every parameter is decayed, biases and norms too.
        - The symmetric loss sees twice the views an epoch: compare at equal views.

    Published:
        - ImageNet, linear, ResNet-50, 200 epochs: 67.5
        - ImageNet, linear, ResNet-50, 800 epochs: 71.1
        - CIFAR-10, online linear, ResNet-18, 1000 epochs, symmetric: 92.94
    """

    views = recipes.B
    small_views = True
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "warmup": 0.0,
            "batch_size": 256,
            "epochs": 200,
        },
        "cifar10": {
            "momentum": 0.99,
            "last_momentum": 0.999,
            "queue": 32768,
            "dim": 256,
            "symmetric": True,
            "recipe": recipes.sizes(recipes.blurred_at(recipes.B, 32), [(1.0, (0.08, 1.0), 2)]),
            "encoder": "resnet18",
            "optimizer": "sgd",
            "lr": 0.3,
            "weight_decay": 1e-4,
            "warmup_epochs": 10,
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "temperature": 0.2,
            "momentum": 0.99,
            "queue": 4096,
            "hidden": 512,
            "dim": 128,
            "bn_splits": 4,
            "symmetric": True,
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:
        """Few images have fewer keys; a batch that does not divide makes fewer groups for batch norm."""
        keys = (2 if arguments["symmetric"] else 1) * batch_size
        return {
            "queue": fitting_length(arguments["queue"], images, keys),
            "bn_splits": whole_parts(batch_size, arguments["bn_splits"], dist.world_size()),
        }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.2,
        momentum: float = 0.999,
        last_momentum: float | None = None,
        queue: int = 65536,
        hidden: Hidden = 2048,
        dim: int = 128,
        bn_splits: int = 8,
        symmetric: bool = False,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.last_momentum = momentum if last_momentum is None else last_momentum
        self.symmetric = symmetric
        self.hardness = hardness
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, norm=False)
        self.teacher = Teacher(encoder=self.encoder, projector=self.projector)
        self.queue = Queue(queue, dim or encoder.width)
        split(self, bn_splits)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """InfoNCE against the queue as it was before this batch; small views are queries only."""
        (x1, x2), small = apart(batch, self.views)
        # each view alone: a group of batch norm is of images, and the same ones for any number of processes
        q1, *q_small = (self.projector(self.encoder(x)) for x in (x1, *small))
        k2 = shuffled_keys(self.teacher, x2, progress.step)
        ranks = skewed_ranks(len(self.queue.keys), self.hardness, progress.step)
        loss, keys = self._contrast([q1, *q_small], k2, ranks), k2
        if self.symmetric:
            q2 = self.projector(self.encoder(x2))
            k1 = shuffled_keys(self.teacher, x1, progress.step)
            loss, keys = (loss + self._contrast([q2, *q_small], k1, ranks)) / 2, torch.cat([k1, k2])
        self.queue.stage(keys)
        own = k2[dist.rows(len(q1))]
        seen = {"embedding": q1.detach(), "positive": own, "i_nce": i_nce(loss, 1 + len(self.queue.keys))}
        return Step(loss, seen)

    def _contrast(
        self, q: list[Tensor], k: Float[Tensor, "n d"], ranks: Int[Tensor, " m"] | None
    ) -> Float[Tensor, ""]:
        own = k[dist.rows(len(q[0]))].repeat(len(q), 1)
        return info_nce(torch.cat(q), own, self.queue.keys, self.temperature, ranks)

    def after_step(self, progress: Progress) -> None:
        """The key encoder follows; the keys of this batch enter the queue."""
        self.teacher.follow(cosine_momentum(self.momentum, progress, self.last_momentum))
        self.queue.write()
        average_statistics(self)

    def parts(self) -> dict[str, nn.Module]:
        """The head of the query encoder."""
        return {"projector": self.projector}
