"""MoCo: a queue of keys from a slowly moving encoder, in place of a large batch."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

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
from twofold.nn.teacher import Teacher
from twofold.objectives.contrastive import info_nce
from twofold.objectives.hard_negatives import skewed_ranks
from twofold.views import recipes


class MoCoV1(Method):
    """MoCo, He et al., CVPR 2020, arXiv:1911.05722: contrast with a queue of past keys.

    A query must find the key of the other view of its image among many keys of past batches. Keys come
    from a copy of the encoder that follows slowly, so that old and new ones can be compared. The queue
    makes the number of negatives independent of the batch.

    Args:
        make_encoder: Builds the query encoder f_q.
        temperature: tau of InfoNCE.
        momentum: m of the key encoder f_k. Short runs want less (0.99).
        queue: K, number of past keys that serve as negatives. Small data want fewer (4096).
        hidden: Units of a hidden layer of the head; 0 for a linear one, the paper's, a list for any.
        dim: Length of q and k; 0 for no head, q = h.
        bn_splits: Groups that the whole batch makes for batch norm: the paper's 8 devices. The batch
            must divide by it.
        hardness: How much like the query negatives are, which are then drawn from the queue by their rank;
            0 takes every key of the queue once, and up to about 0.4 they are easier than that.

    Traps:
        - Batch norm over one and the same group of queries and keys tells which keys may be the right one:
          keys are computed in a shuffled order, here as on several devices.
        - A queue that is filled before the loss holds each positive among its own negatives: keys are
          written after the step.
        - The key encoder starts as a copy of encoder and head, and stays in train mode.
        - Every parameter is decayed, biases and norms too.

    Published:
        - ImageNet, linear, ResNet-50, 200 epochs: 60.6
        - ImageNet, linear, ResNet-50 2x, 200 epochs: 65.4
        - ImageNet, linear, ResNet-50 4x, 200 epochs: 68.6
        - CIFAR-10, k-NN, ResNet-18, 200 epochs: 82.6
        - CIFAR-10, k-NN, ResNet-18, 800 epochs: 88.7
    """

    views = recipes.A
    small_views = True
    later = ("hidden",)
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "warmup": 0.0,
            "schedule": "step",
            "drops": (120 / 200, 160 / 200),
            "drop": 0.1,
            "batch_size": 256,
            "epochs": 200,
        },
        "cifar10": {
            "temperature": 0.1,
            "momentum": 0.99,
            "queue": 4096,
            "recipe": recipes.B_CIFAR,
            "encoder": "resnet18",
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 5e-4,
            "warmup": 0.0,
            "batch_size": 512,
            "epochs": 200,
        },
        "small": {
            "temperature": 0.1,
            "momentum": 0.99,
            "queue": 4096,
            "bn_splits": 4,
            "recipe": recipes.B,
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:
        """Few images have fewer keys; a batch that does not divide makes fewer groups for batch norm."""
        return {
            "queue": fitting_length(arguments["queue"], images, batch_size),
            "bn_splits": whole_parts(batch_size, arguments["bn_splits"], dist.world_size()),
        }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.07,
        momentum: float = 0.999,
        queue: int = 65536,
        hidden: Hidden = 0,
        dim: int = 128,
        bn_splits: int = 8,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.hardness = hardness
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, norm=False)
        self.teacher = Teacher(encoder=self.encoder, projector=self.projector)
        self.queue = Queue(queue, dim or encoder.width)
        split(self, bn_splits)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """InfoNCE of the first view, and of small ones, against the second and the queue as it was before."""
        (x1, x2), small = apart(batch, self.views)
        q, *q_small = (self.projector(self.encoder(x)) for x in (x1, *small))
        k = shuffled_keys(self.teacher, x2, progress.step)
        ranks = skewed_ranks(len(self.queue.keys), self.hardness, progress.step)
        own, negatives = k[dist.rows(len(q))], self.queue.keys
        queries, wanted = torch.cat([q, *q_small]), own.repeat(1 + len(q_small), 1)
        loss = info_nce(queries, wanted, negatives, self.temperature, ranks)
        self.queue.stage(k)
        seen = {"embedding": q.detach(), "positive": own, "i_nce": i_nce(loss, 1 + len(negatives))}
        return Step(loss, seen)

    def after_step(self, progress: Progress) -> None:
        """The key encoder follows; the keys of this batch enter the queue."""
        self.teacher.follow(self.momentum)
        self.queue.write()
        average_statistics(self)

    def parts(self) -> dict[str, nn.Module]:
        """The linear head of the query encoder."""
        return {"projector": self.projector}
