"""SimCLR v2: SimCLR with a deeper head, whose first layer is kept for fine-tuning."""

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


class SimCLRV2(Method):
    """SimCLR v2, Chen et al., NeurIPS 2020, arXiv:2006.10029: SimCLR made for few labels.

    It is SimCLR with larger encoders and a head of three layers. The last layers of a head serve the pretext
    task; its first one still serves others, and with few labels the network is best fine-tuned from there
    (``twofold fit RUN --finetune --from-head 1 --optimizer lars``). What it then knows, a student learns from
    it on unlabelled images (``twofold distill``).

    Args:
        make_encoder: Builds the encoder f.
        temperature: tau of NT-Xent. Small batches and short runs want more (0.2 to 0.5).
        hidden: Units of the hidden layers of the projection head g; 0 for none, a list for any.
        layers: Layers of g, where no list of hidden ones is given.
        dim: Length of z, the output of g; 0 for no head, z = h.

    Traps:
        - Fine-tuning from the middle of the head keeps that layer whole, its batch norm and ReLU included:
          the classifier stands on what came out of the ReLU.
        - The paper's rate grows with the root of the batch: 0.1 sqrt(4096) = 6.4. Scaled with the batch,
          as presets are, it is right for batches of 4096 and too low for smaller ones.
        - The gain of 1 by a memory of moving averages, which the paper reports, is not in here.

    Published:
        - ImageNet, linear, ResNet-50, 800 epochs at batch 4096: 71.7
        - ImageNet, fine-tuned with 1 / 10 / 100% of the labels, ResNet-50: 57.9 / 68.4 / 76.3
        - The same, distilled from ResNet-152 3x with selective kernels, 1 / 10%: 73.9 / 77.5
        - ImageNet, linear, ResNet-152 3x with selective kernels: 79.8
    """

    views = recipes.C
    small_views = True
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "lars",
            "lr": 0.4,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.05,
            "schedule": "cosine",
            "batch_size": 4096,
            "epochs": 800,
        },
        "small": {"temperature": 0.2, "hidden": 512, "recipe": recipes.B, "lr": 0.3},
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.1,
        hidden: Hidden = 2048,
        layers: int = 3,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.encoder = encoder = make_encoder()
        self.projector = mlp(encoder.width, hidden, dim, depth=layers - 1, bias=False, last=scale_norm)
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
