"""Generalised contrastive loss: views agree, and embeddings as a whole follow a prior."""

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.core.precision import cast_up
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp, scale_norm
from twofold.nn.multicrop import embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.distribution import (
    draw_prior,
    draw_rotation,
    half_squared_distance,
    log_sum_exp,
    sliced_wasserstein,
)
from twofold.views import recipes


class SWD(Method):
    """Generalised contrastive loss, Chen et al., NeurIPS 2021, arXiv:2011.02803: alignment plus a prior.

    A contrastive loss makes views agree and spreads embeddings over the sphere; any other way to spread
    them will do. Here the embeddings of a batch are sorted along random directions and compared with as
    many sorted draws from a prior. There are no negatives, no predictor and no teacher.

    Args:
        make_encoder: Builds the encoder f.
        prior: What embeddings are to follow: "normal", evenly a "hypersphere" or a "hypercube" from -1 to
            1, or "log_sum_exp", the decoupled NT-Xent, which repels instead of drawing from a prior.
        weight: lambda of the distribution's term. With log_sum_exp it counts in tau / d: 1 is NT-Xent.
        temperature: tau of log_sum_exp.
        scale: Factor of the whole loss. Both terms are means over coordinates; d makes sums of them, which
            is what rates of other contrastive losses are fit for.
        hidden: Units of both hidden layers of the projection head g; 0 for none, a list for any.
        dim: d, length of z; 0 for no head, z = h.

    Traps:
        - Embeddings are put on the unit sphere for the hypersphere and log_sum_exp only: scaled to unit
          length, they could never follow a normal distribution or fill a cube.
        - Sorting is over all processes: sorted in parts, a batch follows the prior only part by part. Prior
          and rotation are functions of the step, so that all processes draw the same.
        - Random directions from a QR decomposition are not evenly spread until the signs of R's diagonal
          are taken into Q.
        - The loss is smaller than NT-Xent by d / tau. LARS feels that only beside the weight decay, other
          optimisers hardly move: hence ``scale``.

    Published:
        - ImageNet, linear, ResNet-50, NT-Xent with this head, batch 512, 100 / 200 / 400 / 800 epochs:
          66.6 / 68.4 / 70.0 / 71.0
        - ImageNet, linear, ResNet-50, NT-Xent with this head, batch 2048, 100 / 200 / 400 / 800 epochs:
          66.8 / 69.1 / 70.4 / 71.3
    """

    views = recipes.C
    presets: ClassVar = {
        # the rate was neither published for this loss nor tuned
        "imagenet": {
            "scale": 128.0,
            "optimizer": "lars",
            "lr": 0.8,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.05,
            "schedule": "cosine",
            "batch_size": 1024,
            "epochs": 200,
        },
        "small": {
            "scale": 64.0,
            "hidden": 512,
            "dim": 64,
            "recipe": recipes.B,
            "optimizer": "adamw",
            "lr": 0.004,
            "weight_decay": 1e-4,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        prior: Literal["normal", "hypersphere", "hypercube", "log_sum_exp"] = "hypersphere",
        weight: float = 1.0,
        temperature: float = 0.1,
        scale: float = 1.0,
        hidden: Hidden = 2048,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.prior = prior
        self.weight = weight
        self.temperature = temperature
        self.scale = scale
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, depth=2, bias=False, last=scale_norm)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """L_align + lambda L_dist."""
        z = cast_up(embed_views(self.encoder, self.projector, [view.pixels for view in batch.views]))
        if self.prior in ("hypersphere", "log_sum_exp"):
            z = F.normalize(z, dim=-1)
        z1, z2 = z
        align = half_squared_distance(z1, z2)
        spread = self._distribution(z.flatten(0, 1), dist.gather(z.flatten(0, 1)), progress)
        seen = {"embedding": z1.detach(), "positive": z2.detach()}
        scalars = {"alignment": align.detach(), "distribution": spread.detach()}
        return Step(self.scale * (align + self.weight * spread), {**seen, **scalars})

    def _distribution(
        self, z: Float[Tensor, "b d"], everyone: Float[Tensor, "n d"], progress: Progress
    ) -> Float[Tensor, ""]:
        n, d = everyone.shape
        if self.prior == "log_sum_exp":
            return self.temperature / d * log_sum_exp(z, everyone, self.temperature)
        random = torch.Generator().manual_seed(progress.step)
        wanted = draw_prior(self.prior, n, d, random).to(everyone)
        return sliced_wasserstein(everyone, wanted, draw_rotation(d, random).to(everyone))

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The projection head g."""
        return {"projector": self.projector}
