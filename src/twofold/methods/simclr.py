"""SimCLR: agree across two strong augmentations, with the rest of the batch as negatives."""

from typing import Any, ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp, scale_norm
from twofold.nn.multicrop import apart, embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.contrastive import nt_xent, nt_xent_of_small_views
from twofold.views import recipes
from twofold.views.ops.blur import Blur


class SimCLR(Method):
    """SimCLR, Chen et al., ICML 2020, arXiv:2002.05709: contrast within a large batch.

    Two views of each image attract each other and repel the views of all other images of the batch.

    Args:
        make_encoder: Builds the encoder f.
        temperature: tau of NT-Xent. Small batches and short runs want more (0.2 to 0.5).
        hidden: Units of the hidden layer of the projection head g; 0 for none, a list for any.
        dim: Length of z, the output of g; 0 for no head, z = h.

    Traps:
        - What is left out of the denominator is an anchor's comparison with itself, not its positive.
        - Batch norm over a part of the batch tells which pairs belong together: it is synchronised.
        - The paper's code sums the means over both views: twice this loss, and under optimisers other than
          LARS twice the rate.
        - Small views of multi-crop are anchors and never candidates: each takes the place of either global
          view of its image in turn.
        - The code published with the paper adds brightness, that of version 2 multiplies by it: the presets
          `imagenet` and `cifar10` add. Nor does it normalise colours, which encoders do here.
        - Temperature and rate depend on batch and length: small batches and short runs want a higher tau.

    Published:
        - ImageNet, linear, ResNet-50, 100 epochs: 64.5
        - ImageNet, linear, ResNet-50, 200 epochs, batch 8192: 66.6
        - ImageNet, linear, ResNet-50, 1000 epochs: 69.3
        - ImageNet, linear, ResNet-50 x2: 74.2
        - ImageNet, linear, ResNet-50 x4: 76.5
        - ImageNet, linear, ResNet-50, 2x224, by SwAV's authors: 68.2
        - ImageNet, linear, ResNet-50, 2x160 + 4x96, by SwAV's authors: 70.6
        - CIFAR-10, ResNet-50: 94.0
        - CIFAR-10, online linear, ResNet-18, 1000 epochs, re-implementation: 90.74
    """

    views = recipes.C
    small_views = True
    presets: ClassVar = {
        "imagenet": {
            "recipe": recipes.simclr(additive=True),
            "optimizer": "lars",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "batch_size": 4096,
            "epochs": 100,
        },
        "cifar10": {
            "temperature": 0.5,
            "recipe": recipes.simclr(0.5, additive=True).without(Blur),
            "encoder": "resnet18",
            "optimizer": "lars",
            "lr": 1.0,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "batch_size": 512,
            "epochs": 1000,
        },
        "small": {"temperature": 0.2, "hidden": 512, "dim": 128, "recipe": recipes.B, "lr": 0.3},
        "signs": {
            "temperature": 0.2,
            "hidden": 256,
            "dim": 64,
            "recipe": recipes.TINTED,
            "lr": 0.4,
            "warmup": 0.2,
        },
    }

    def __init__(
        self, make_encoder: MakeEncoder, *, temperature: float = 0.1, hidden: Hidden = 2048, dim: int = 128
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, bias=False, last=scale_norm)
        synchronise(self)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """NT-Xent, each view the anchor once; small views are nothing else."""
        whole, small = apart(batch, self.views)
        z = embed_views(self.encoder, self.projector, [*whole, *small])
        z1, z2 = z[:2]

        rows, all1, all2 = dist.rows(len(z1)), dist.gather(z1), dist.gather(z2)
        loss = nt_xent(z1, z2, rows, all1, all2, temperature=self.temperature)
        if small:
            of_small = nt_xent_of_small_views(z[2:], rows, all1, all2, temperature=self.temperature)
            loss = (loss + len(small) * of_small) / (1 + len(small))
        seen = {"embedding": z1.detach(), "positive": z2.detach(), "i_nce": i_nce(loss, 2 * len(all1) - 1)}
        return Step(loss, seen)

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are neither decayed nor scaled by LARS."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The projection head g."""
        return {"projector": self.projector}
