"""Alignment and uniformity: what contrastive losses pursue, asked for directly."""

from typing import ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.heads import Hidden, mlp
from twofold.nn.multicrop import embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.uniformity import alignment, uniformity
from twofold.views import recipes


class AlignUniform(Method):
    """Alignment and uniformity, Wang & Isola, ICML 2020, arXiv:2005.10242: both ends of contrast as a loss.

    With many negatives a contrastive loss pulls two ways: the views of an image together, and all images
    apart until they cover the unit sphere evenly. Here the two are asked for by a loss each. There is no
    softmax, and no positive among candidates.

    Args:
        make_encoder: Builds the encoder f.
        align: Weight of the alignment.
        uniform: Weight of the uniformity.
        alpha: Power of the distance of two views.
        t: Sharpness of the uniformity's Gaussian potential.
        hidden: Units of the hidden layer of the projection head; 0 for none, a list for any.
        dim: Length of z; 0 for no head, z = h.

    Traps:
        - An image is no pair with itself: counted in, the potential of a batch could not fall below
          ``-log(n)``. Only pairs of different images are.
        - The mean of the uniformity stands inside the logarithm: over parts of the batch it is another
          figure. It is taken over all processes, for each view, and the two views are averaged.
        - Uniformity sees the batch alone. The paper's runs on ImageNet compare with MoCo's queue of keys;
          without one, use large batches.
    """

    views = recipes.C
    revision: ClassVar[int] = 2
    presets: ClassVar = {
        # that of MoCo v1 with the published weights: the published runs have MoCo's queue, which is not here
        "imagenet": {
            "align": 3.0,
            "t": 3.0,
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "cosine",
            "batch_size": 256,
            "epochs": 200,
        },
        "small": {"hidden": 512, "recipe": recipes.B, "lr": 0.4},
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        align: float = 1.0,
        uniform: float = 1.0,
        alpha: float = 2.0,
        t: float = 2.0,
        hidden: Hidden = 2048,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.align, self.uniform, self.alpha, self.t = align, uniform, alpha, t
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """The weighted sum of alignment and uniformity, the latter averaged over both views."""
        z1, z2 = embed_views(self.encoder, self.projector, [view.pixels for view in batch.views])
        align = alignment(z1, z2, self.alpha)
        uniform = (uniformity(dist.gather(z1), self.t) + uniformity(dist.gather(z2), self.t)) / 2
        seen = {"embedding": z1.detach(), "positive": z2.detach()}
        scalars = {"alignment": align.detach(), "uniformity": uniform.detach()}
        return Step(self.align * align + self.uniform * uniform, {**seen, **scalars})

    def parts(self) -> dict[str, nn.Module]:
        """The projection head."""
        return {"projector": self.projector}
