"""InfoMin: views that share as little as the task needs, and a second query made of patches."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.batch_parts import whole_parts
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import average_statistics, split
from twofold.nn.patch_head import PatchHead, embed_patches
from twofold.nn.queue import Queue, fitting_length
from twofold.nn.shuffle import shuffled_keys
from twofold.nn.teacher import Teacher
from twofold.objectives.contrastive import info_nce
from twofold.objectives.hard_negatives import skewed_ranks
from twofold.views import recipes
from twofold.views.pretext_recipes import INFOMIN, jigsaw_branch


class InfoMin(Method):
    """InfoMin, Tian et al., NeurIPS 2020, arXiv:2005.10243: contrast of views made as unlike as is good.

    Good views share what the task needs and nothing else, so they are changed more strongly than by
    others, with RandAugment. Two queries look for the same key of another view among a queue of past keys:
    that of the image, and that of its patches in any order. The rest is MoCo v2.

    Args:
        make_encoder: Builds the query encoder f_q.
        temperature: tau of InfoNCE.
        momentum: m of the key encoder f_k. Short runs want less (0.99).
        queue: K, number of past keys that serve as negatives. Small data want fewer (4096).
        hidden: Units of the hidden layer of both heads; 0 for none, a list for any.
        dim: Length of queries and keys; 0 for no heads: what is left is the layer that joins patches.
        patches: Of the jigsaw view, as many as the recipe cuts.
        bn_splits: Groups that the whole batch makes for batch norm, as for several devices. The batch must
            divide by it.
        hardness: How much like the query negatives are, which are then drawn from the queue by their rank;
            0 takes every key of the queue once, and up to about 0.4 they are easier than that.

    Traps:
        - The query of patches has a head of its own, and no copy of it follows: keys are of whole images.
        - Patches pass the encoder apart from whole images, so that batch norm does not mix them.
        - The order of the patches is drawn by the recipe, anew for every image; the head joins them as they
          come.
        - As in MoCo, keys are computed in a shuffled order and written to the queue after the step.

    Published:
        - ImageNet, linear, ResNet-50, 100 epochs: 67.4
        - ImageNet, linear, ResNet-50, 200 epochs: 70.1
        - ImageNet, linear, ResNet-50, 800 epochs: 73.0
        - ImageNet, linear, ResNet-152: 73.4
    """

    views = INFOMIN
    fed_by: ClassVar = {"jigsaw": None}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "warmup": 0.0,
            "floor": 1e-3,
            "batch_size": 256,
            "epochs": 200,
        },
        "small": {
            "temperature": 0.2,
            "momentum": 0.99,
            "queue": 4096,
            "hidden": 512,
            "dim": 128,
            "bn_splits": 4,
            "recipe": jigsaw_branch(
                *recipes.B.views, name="B+jigsaw", per_patch=recipes.B.views[0].operations[1:]
            ),
            "batch_size": 128,
            "lr": 0.4,
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
        temperature: float = 0.15,
        momentum: float = 0.999,
        queue: int = 65536,
        hidden: Hidden = 2048,
        dim: int = 128,
        patches: int = 9,
        bn_splits: int = 8,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.momentum = momentum
        self.hardness = hardness
        self.encoder = encoder = make_encoder()
        width = dim or encoder.width
        self.projector = mlp(encoder.width, hidden, dim, norm=False)
        self.jigsaw = PatchHead(mlp(encoder.width, hidden, dim, norm=False), patches, width, width)
        self.teacher = Teacher(encoder=self.encoder, projector=self.projector)
        self.queue = Queue(queue, width)
        split(self, bn_splits)

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """The mean of InfoNCE of both queries, against the queue as it was before this batch."""
        x1, x2, patches = (view.pixels for view in batch.views)
        q = self.projector(self.encoder(x1))
        q_jig = self.jigsaw(embed_patches(self.encoder, patches))
        keys = shuffled_keys(self.teacher, x2, progress.step)
        k, negatives = keys[dist.rows(len(q))], self.queue.keys
        ranks = skewed_ranks(len(negatives), self.hardness, progress.step)
        loss = info_nce(q, k, negatives, self.temperature, ranks)
        loss_jig = info_nce(q_jig, k, negatives, self.temperature, ranks)
        self.queue.stage(keys)
        seen = {
            "embedding": q.detach(),
            "positive": k,
            "loss_of_patches": loss_jig.detach(),
            "i_nce": i_nce(loss, 1 + len(negatives)),
        }
        return Step((loss + loss_jig) / 2, seen)

    def after_step(self, progress: Progress) -> None:
        """The key encoder follows; the keys of this batch enter the queue."""
        self.teacher.follow(self.momentum)
        self.queue.write()
        average_statistics(self)

    def parts(self) -> dict[str, nn.Module]:
        """The heads of both queries."""
        return {"projector": self.projector, "jigsaw": self.jigsaw}
