"""DeepCluster-v2: predict the cluster that k-means gave the image before this epoch."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.nn.clusters import Clusters
from twofold.nn.heads import Hidden, mlp
from twofold.nn.multicrop import embed_views
from twofold.nn.norm import synchronise
from twofold.objectives.assignment import cluster_prediction
from twofold.views import recipes

_AT_ONCE = 4096
"""Items that are projected at a time for the first memory."""


class DeepClusterV2(Method):
    """DeepCluster-v2, Caron et al., NeurIPS 2020, arXiv:2006.09882: predict clusters of the last epoch.

    Before each epoch, k-means groups what the projector made of every image during the epoch before. Its
    centroids are the classifier as they stand, so that nothing has to be learned anew when the clusters
    change. From every view of an image, small local ones included, the network must tell the image's
    cluster, in several clusterings at once.

    Args:
        make_encoder: Builds the encoder f.
        temperature: tau of the predictions.
        heads: Number of clusterings; they read the memories of the global views in turn.
        prototypes: K, clusters of each. Where none are asked for, at most one for ten images.
        iterations: Turns of k-means before each epoch.
        hidden: Units of the hidden layer of the projector; 0 for none, a list for any.
        dim: Length of z; 0 for no projector, z = h.

    Traps:
        - Memories that are rewritten during an epoch and read by the loss would chase themselves: clusters
          are found before an epoch and stand still in it. Checkpoints hold the memories, the centroids and
          every image's cluster, so that a run goes on exactly from the middle of an epoch.
        - Before the first epoch nothing is remembered. The memories are filled with what the projector makes
          of the encoder's features of the evaluation views, in batch norm's train mode: with the running
          statistics of the start, all embeddings point the same way.
        - Centroids are not trained. As parameters they would be moved by weight decay and momentum even
          without a gradient; they are buffers.
        - A cluster without images must not divide by zero. It keeps its centroid, as in the released code.
        - Clusters found by each process on its own memory are other clusters. All processes write the
          embeddings of the whole batch, and end up with the same centroids to the bit.
        - Sums that depend on the order in which a GPU's threads come would make a run unrepeatable; rows are
          sorted by cluster before they are summed.

    Published:
        - ImageNet, linear, ResNet-50, 2x224, 400 epochs: 70.2
        - ImageNet, linear, ResNet-50, 2x160 + 4x96, 400 epochs: 74.3
        - ImageNet, linear, ResNet-50, 2x224 + 6x96, 800 epochs: 75.2
        - CIFAR-10, online linear, ResNet-18, 1000 epochs: 88.85
    """

    views = recipes.multi_crop(recipes.C)
    clusters: Clusters
    revision: ClassVar[int] = 2
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "larc",
            "lr": 0.3,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "warmup_start": 0.3 / 4.8,
            "floor": 1e-3,
            "schedule": "cosine",
            "batch_size": 4096,
            "epochs": 800,
        },
        "cifar10": {
            "recipe": recipes.C_BLURRED_AT_32,
            "encoder": "resnet18",
            "optimizer": "larc_clip",
            "lr": 0.6,
            "weight_decay": 1e-6,
            "momentum": 0.9,
            "warmup_epochs": 10,
            "floor": 1e-3,
            "batch_size": 256,
            "epochs": 1000,
        },
        "small": {
            "prototypes": 300,
            "hidden": 512,
            "dim": 128,
            "recipe": recipes.multi_crop(
                recipes.B, (0.2, 1.0), local_count=2, local_scale=(0.1, 0.3), local_side=2 / 3
            ),
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    @classmethod
    def fit_to(cls, arguments: Mapping[str, Any], images: int, batch_size: int) -> dict[str, Any]:  # noqa: ARG003
        """Clusters have ten images each at least."""
        return {"prototypes": min(arguments["prototypes"], max(2, images // 10))}

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        temperature: float = 0.1,
        heads: int = 3,
        prototypes: int = 3000,
        iterations: int = 10,
        hidden: Hidden = 2048,
        dim: int = 128,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.heads = heads
        self.count = prototypes
        self.iterations = iterations
        self.encoder = encoder = make_encoder()
        self.dim = dim or encoder.width
        self.projector = mlp(encoder.width, hidden, dim)
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """A memory for each global view; the clusterings."""
        memories = len(self.views.globals_)
        self.clusters = Clusters(items, self.dim, memories=memories, clusterings=self.heads, count=self.count)

    def before_epoch(self, epoch: int, embed: Callable[[], Float[Tensor, "n d"]]) -> None:
        """Clusters what was remembered during the epoch before; before the first, what is new."""
        if epoch == 0:
            self._fill(embed())
        self.clusters.find(self.iterations, seed=epoch)

    @torch.no_grad()
    def _fill(self, h: Float[Tensor, "n d"]) -> None:
        """The first memories, alike for all views."""
        projector = copy.deepcopy(self.projector)  # running statistics follow views, not this
        parts = math.ceil(len(h) / _AT_ONCE)
        for part in range(parts):
            items = torch.arange(part, len(h), parts)  # not neighbours, which may be of one class
            z = projector(h[items].to(self.clusters.memory))
            self.clusters.remember(items, z.expand(len(self.clusters.memory), -1, -1))

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy between the images' clusters and the predictions of all views."""
        z = embed_views(self.encoder, self.projector, [view.pixels for view in batch.views])
        self.clusters.stage(batch.item, z[list(self.views.globals_)])
        assigned = self.clusters.assigned[:, batch.item]
        loss = cluster_prediction(z, self.clusters.prototypes, assigned, self.temperature)
        used = F.one_hot(assigned, self.count).amax(dim=1).double().mean()
        seen = {"embedding": z[0].detach(), "positive": z[1].detach(), "prototypes_used": used}
        return Step(loss, seen)

    def after_step(self, progress: Progress) -> None:
        """The embeddings of the global views take the place of what was remembered of these images."""
        self.clusters.write()

    def parts(self) -> dict[str, nn.Module]:
        """The projector."""
        return {"projector": self.projector}
