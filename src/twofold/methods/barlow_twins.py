"""Barlow Twins: the two views' cross-correlation should be the identity."""

from typing import Any, ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, bare_norm, mlp
from twofold.nn.norm import synchronise
from twofold.objectives.redundancy import correlation_to_identity, cross_correlation
from twofold.views import recipes


class BarlowTwins(Method):
    """Barlow Twins, Zbontar et al., ICML 2021, arXiv:2103.03230: say the same twice, and nothing else twice.

    Each dimension of the embedding is to take the same values in both views: a correlation of 1. Different
    dimensions are to have nothing to do with each other: a correlation of 0. That alone excludes collapse,
    without negatives, predictor or slow copy.

    Args:
        make_encoder: Builds the encoder f.
        off_diagonal: lambda, weight of the correlations between different dimensions.
        scale: Factor of the loss. To LARS it matters only where its trust ends; code that has .024 here has
            one rate for all parameters.
        bias_rate: Learning rate of biases and norms as a share of that of the weights; the paper's is
            .0048 / .2.
        hidden: Units of the two hidden layers of the projector; 0 for none, a list for any.
        dim: d, length of z; the method gains from many. 0 for no projector, z = h.

    Traps:
        - Dimensions are standardised over the whole batch, so both the statistics and the correlations are
          taken over all processes.
        - Biases and norms are not scaled by LARS and have a rate of their own, a fortieth. Without LARS
          weights need one as low, because the loss is a sum over dimensions.
        - The product of the two views is taken in full precision, whatever the autocast.

    Published:
        - ImageNet, linear, ResNet-50, 1000 epochs: 73.2
        - CIFAR-10, online linear, ResNet-18, 1000 epochs: 92.1
    """

    views = recipes.bicubic(recipes.D)
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars_out",
            "lr": 0.2,
            "weight_decay": 1.5e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "schedule": "cosine",
            "floor": 1e-3,
            "batch_size": 2048,
            "epochs": 1000,
        },
        "cifar10": {
            "off_diagonal": 0.005,
            "scale": 0.1,
            "bias_rate": 1.0,
            "hidden": 2048,
            "dim": 2048,
            "recipe": recipes.D_CIFAR,
            "encoder": "resnet18",
            "optimizer": "larc_clip",
            "lr": 0.3,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "schedule": "cosine",
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "off_diagonal": 0.01,
            "bias_rate": 1.0,
            "hidden": 512,
            "dim": 512,
            "recipe": recipes.B,
            "lr": 0.03,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        off_diagonal: float = 0.0051,
        scale: float = 1.0,
        bias_rate: float = 0.024,
        hidden: Hidden = 8192,
        dim: int = 8192,
    ) -> None:
        super().__init__()
        self.off_diagonal = off_diagonal
        self.scale = scale
        self.bias_rate = bias_rate
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, depth=2, bias=False)
        self.standardise = bare_norm(dim or encoder.width)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Algorithm 1: the distance of the cross-correlation matrix from the identity."""
        z1, z2 = (self.projector(self.encoder(view.pixels)) for view in batch.views)
        own = cross_correlation(self.standardise(cast_up(z1)), self.standardise(cast_up(z2)))
        c = dist.all_reduce(own) / dist.world_size()
        loss = self.scale * correlation_to_identity(c, self.off_diagonal)
        return Step(loss, {"embedding": z1.detach(), "positive": z2.detach()})

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS, and have a rate of their own."""
        matrices, vectors = matrices_and_vectors(self)
        return [matrices, {**vectors, "lr_scale": self.bias_rate}]

    def parts(self) -> dict[str, nn.Module]:
        """The projector."""
        return {"projector": self.projector}
