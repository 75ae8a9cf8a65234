"""VICReg: invariance, with variance and covariance kept in shape for each view by itself."""

from typing import Any, ClassVar

from torch import nn
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import synchronise
from twofold.objectives.redundancy import covariance_penalty, variance_hinge
from twofold.views import recipes
from twofold.views.ops.blur import Blur


class VICReg(Method):
    """VICReg, Bardes et al., ICLR 2022, arXiv:2105.04906: variance, invariance, covariance.

    The embeddings of two views of an image are drawn together. Over the batch, each dimension has to keep a
    standard deviation of at least 1, which excludes collapse, and different dimensions must not vary
    together. The last two are asked of each view alone: the views could go through different networks.

    Args:
        make_encoder: Builds the encoder f.
        invariance: lambda, weight of the mean squared distance of the two views.
        variance: mu, weight of what the standard deviations of both views fall short of 1.
        covariance: nu, weight of the squared covariances of both views.
        kappa: Factor of the variance: 0.5 for the mean of both views, as in the released code, 1 for
            their sum, as in the paper's formula.
        hidden: Units of the two hidden layers of the expander; 0 for none, a list for any.
        dim: d, length of z; 0 for no expander, z = h.

    Traps:
        - Variance and covariance are those of the whole batch: embeddings are gathered from all processes,
          with gradients, before either is taken.
        - The distance is averaged over images and dimensions, as in the released code; the paper's formula
          sums over dimensions, which with its own weights would make it 8192 times as strong.
        - Embeddings are neither normalised nor standardised: the hinge sets their scale. The gauge on the
          training bar, which does normalise them, also sees what all embeddings have in common.
        - Covariances are computed in full precision, whatever the autocast.

    Published:
        - ImageNet, linear, ResNet-50, 1000 epochs: 73.2
        - CIFAR-10, online linear, ResNet-18, 1000 epochs: 92.07
    """

    views = recipes.D_SYMMETRIC
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars_out",
            "lr": 0.2,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "schedule": "cosine",
            "floor": 1e-3,
            "batch_size": 2048,
            "epochs": 1000,
        },
        "cifar10": {
            "kappa": 1.0,
            "hidden": 2048,
            "dim": 2048,
            "recipe": recipes.sizes(recipes.D_SYMMETRIC.without(Blur), [(1.0, (0.2, 1.0), 2)]),
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
        "small": {"hidden": 512, "dim": 512, "recipe": recipes.B, "lr": 0.1},
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        kappa: float = 0.5,
        hidden: Hidden = 8192,
        dim: int = 8192,
    ) -> None:
        super().__init__()
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance
        self.kappa = kappa
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, depth=2, bias=False)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Equation 6: distances of own images, variances and covariances of everyone's."""
        z1, z2 = (cast_up(self.projector(self.encoder(view.pixels))) for view in batch.views)
        s = F.mse_loss(z1, z2)
        all1, all2 = dist.gather(z1), dist.gather(z2)
        v = self.kappa * (variance_hinge(all1) + variance_hinge(all2))
        c = covariance_penalty(all1) + covariance_penalty(all2)
        loss = self.invariance * s + self.variance * v + self.covariance * c
        return Step(loss, {"embedding": z1.detach(), "positive": z2.detach()})

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The expander."""
        return {"projector": self.projector}
