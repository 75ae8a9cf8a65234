"""W-MSE: pull the views of an image together after whitening, which keeps everything apart."""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import UsageError
from twofold.core.method import MakeEncoder, Method
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import synchronise
from twofold.objectives.regression import cosine_regression
from twofold.objectives.whitening import whiten
from twofold.views import recipes

FOUR = recipes.sizes(recipes.W_MSE, [(1.0, (0.2, 1.0), 4)])
"""Four views of each image, drawn alike."""


class WMSE(Method):
    """W-MSE, Ermolov et al., ICML 2021, arXiv:2007.06346: whitening and mean squared error.

    Within random parts of the batch, embeddings are whitened: centred, and turned and stretched until their
    covariance is the identity. They cannot collapse then, so all that is left to ask is that the views of an
    image lie together. Two views make one pair of positives, four make six.

    Args:
        make_encoder: Builds the encoder f.
        sub_batch: Images that are whitened together, at least twice ``dim``; batches must divide by it. Where
            none is asked for, the size nearest to it that divides the batch.
        shrink: epsilon, share of the identity in the covariance.
        permutations: Divisions into parts over which the loss is averaged; the paper has 4 on STL-10 and Tiny
            ImageNet.
        hidden: Units of the hidden layer of the head; 0 for none, a list for any.
        dim: d, length of z; 0 for no head, z = h. Where none is asked for, at most half of ``sub_batch``.

    Traps:
        - A covariance of d dimensions takes many more than d embeddings: fewer than 2 d are refused.
        - All views are divided into the same parts, each view whitened by itself. The parts change with
          every step and are cut from the batch of all processes.
        - Gradients flow through the mean and the covariance, on both sides of a pair.
        - Covariance, its root and the division by it are computed in full precision, whatever the autocast.
        - The gauge on the training bar is that of z before it is whitened.

    Published:
        - CIFAR-10, linear, ResNet-18, 2 views, 1000 epochs: 91.55
        - CIFAR-10, linear, ResNet-18, 4 views, 1000 epochs: 91.99
        - CIFAR-10, 5-NN, ResNet-18, 2 views, 1000 epochs: 89.69
        - CIFAR-10, 5-NN, ResNet-18, 4 views, 1000 epochs: 89.87
    """

    views = recipes.W_MSE
    more_views = True
    later: ClassVar = ("permutations",)
    presets: ClassVar = {
        # the rate, decay, batch and warm-up of 500 steps are those of STL-10 and Tiny ImageNet
        "imagenet": {
            "recipe": FOUR,
            "optimizer": "adam",
            "lr": 2e-3,
            "weight_decay": 1e-6,
            "warmup": 2.5e-4,
            "schedule": "step",
            "drops": (0.875, 0.9375),
            "drop": 0.2,
            "batch_size": 256,
            "epochs": 400,
        },
        "cifar10": {
            "sub_batch": 128,
            "dim": 64,
            "encoder": "resnet18",
            "optimizer": "adam",
            "lr": 1.5e-3,
            "weight_decay": 1e-6,
            "warmup": 0.005,
            "schedule": "step",
            "drops": (0.95, 0.975),
            "drop": 0.2,
            "batch_size": 512,
            "epochs": 1000,
        },
        "small": {
            "sub_batch": 128,
            "hidden": 512,
            "dim": 64,
            "recipe": recipes.B,
            "optimizer": "adam",
            "lr": 0.004,
            "weight_decay": 1e-6,
        },
    }

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:  # noqa: ARG003
        """Parts as near to that size as the batch divides, of no more dimensions than they can whiten."""
        sizes = (n for n in range(1, batch_size + 1) if batch_size % n == 0)
        whole = min(sizes, key=lambda n: abs(math.log(n / arguments["sub_batch"])))
        return {"sub_batch": whole, "dim": min(arguments["dim"], whole // 2)}

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        sub_batch: int = 256,
        shrink: float = 0.0,
        permutations: int = 1,
        hidden: Hidden = 1024,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.sub_batch = sub_batch
        self.shrink = shrink
        self.permutations = permutations
        self.encoder = encoder = make_encoder()
        width = dim or encoder.width
        if sub_batch < 2 * width:
            raise UsageError(
                f"{sub_batch} embeddings are too few to whiten {width} dimensions: "
                f"give --sub-batch {2 * width} or more, or --dim {sub_batch // 2} or less"
            )
        self.projector = mlp(encoder.width, hidden, dim, bias=False)  # whitening would take a bias off again
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Squared distance of unit vectors after whitening, averaged over all pairs of views (and parts)."""
        h = torch.cat([self.encoder(view.pixels) for view in batch.views])
        z = self.projector(h).unflatten(0, (len(batch.views), -1))
        everyone = dist.gather(z.transpose(0, 1)).transpose(0, 1)
        pairs = []
        for parts in self._divisions(everyone.shape[1], progress):
            y = whiten(everyone[:, parts.to(z.device)], self.shrink).flatten(1, 2)
            pairs += [cosine_regression(one, other) for one, other in combinations(y, 2)]
        return Step(torch.stack(pairs).mean(), {"embedding": z[0].detach(), "positive": z[1].detach()})

    def _divisions(self, count: int, progress: Progress) -> list[Int[Tensor, "parts w"]]:
        """Rows of the whole batch that are whitened together in this step, for each permutation."""
        if count % self.sub_batch:
            raise UsageError(
                f"a batch of {count} does not divide into sub-batches of {self.sub_batch}: give another "
                f"--batch-size, or a --sub-batch that divides it and is at least twice --dim"
            )
        chance = torch.Generator().manual_seed(progress.step)
        orders = [torch.randperm(count, generator=chance) for _ in range(self.permutations)]
        return [order.view(-1, self.sub_batch) for order in orders]

    def parts(self) -> dict[str, nn.Module]:
        """The head."""
        return {"projector": self.projector}
