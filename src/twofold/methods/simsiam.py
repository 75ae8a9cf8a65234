"""SimSiam: predict the other view's embedding; what is predicted gets no gradient."""

from typing import Any, ClassVar

import torch
from torch import nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.groups import moving
from twofold.nn.heads import Hidden, bare_norm, mlp
from twofold.nn.multicrop import apart, embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.similarity import negative_cosine
from twofold.views import recipes


class SimSiam(Method):
    """SimSiam, Chen & He, CVPR 2021, arXiv:2011.10566: a predictor and a stopped gradient are enough.

    Both views go through the same network. From the embedding of one, a small predictor has to tell the
    embedding of the other, which is taken as a constant. There are neither negatives nor a slow copy.

    Args:
        make_encoder: Builds the encoder f; the last norms of its residual blocks start at 0 (not
            torchvision's).
        hidden: Units of the hidden layers of the projection MLP; 0 for none, a list for any.
        dim: d, length of z and of p; 0 for no projection MLP, z = h.
        bottleneck: Units of the hidden layer of the predictor h; 0 for none, a list for any.
        depth: Layers of the projection MLP, where no list of hidden ones is given; the paper takes 2 for
            CIFAR-10.

    Traps:
        - Without the stopped gradient, or without the predictor, all embeddings become one. The loss does
          not tell: it falls to -1. The std on the training bar tells: it falls to 0.
        - The output of the projector is normalised and has neither scale nor offset; that of the predictor
          is not normalised. With batch norm there the training is unstable.
        - The predictor keeps the highest learning rate while that of the rest follows the schedule.
        - Everything is decayed, biases and norms as well.
        - Too high a rate is half a collapse, which the loss does not tell: after four epochs of CIFAR-10 the
          effective rank of 512 dimensions was 52 at 0.3 for a batch of 256, 29 at 0.6 and 10 at 1.2, while
          the loss fell from -0.70 to -0.75; the linear probe did not mind, k-NN lost four points.

    Published:
        - ImageNet, linear, ResNet-50, 100 epochs: 68.1
        - ImageNet, linear, ResNet-50, 200 epochs: 70.0
        - ImageNet, linear, ResNet-50, 400 epochs: 70.8
        - ImageNet, linear, ResNet-50, 800 epochs: 71.3
        - CIFAR-10, linear, ResNet-18, 800 epochs: 91.8
    """

    revision: ClassVar[int] = 2
    views = recipes.B
    small_views = True
    fed_by: ClassVar = {"predictor": "projector"}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.05,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "cosine",
            "batch_size": 512,
            "epochs": 100,
        },
        "cifar10": {
            "depth": 2,
            "recipe": recipes.B_CIFAR,
            "encoder": "resnet18",
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "cosine",
            "batch_size": 512,
            "epochs": 800,
        },
        "small": {
            "hidden": 512,
            "dim": 512,
            "bottleneck": 128,
            "depth": 2,
            "recipe": recipes.B,
            "batch_size": 128,
            "lr": 0.6,
            "warmup": 0.0,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        hidden: Hidden = 2048,
        dim: int = 2048,
        bottleneck: Hidden = 512,
        depth: int = 3,
    ) -> None:
        super().__init__()
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, depth=depth - 1, bias=False, last=bare_norm)
        width = dim or encoder.width
        self.predictor = mlp(width, bottleneck, width)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Algorithm 1: each view predicts the other, which is a constant then; small views predict both."""
        (x1, x2), small = apart(batch, self.views)
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        p_small = embed_views(self.encoder, lambda h: self.predictor(self.projector(h)), small)
        target1, target2 = (z.detach().repeat(1 + len(small), 1) for z in (z1, z2))
        there = negative_cosine(torch.cat([p1, *p_small]), target2)
        back = negative_cosine(torch.cat([p2, *p_small]), target1)
        loss = there / 2 + back / 2
        return Step(loss, {"embedding": z1.detach(), "positive": z2.detach()})

    def param_groups(self) -> list[dict[str, Any]]:
        """The predictor apart, whose rate does not fall (section 4.2)."""
        rest = moving(self.encoder, self.projector)
        return [{"params": rest}, {"params": moving(self.predictor), "scheduled": False}]

    def parts(self) -> dict[str, nn.Module]:
        """The projection MLP and the predictor h."""
        return {"projector": self.projector, "predictor": self.predictor}
