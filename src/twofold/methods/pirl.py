"""PIRL: the patches of an image, in any order, must mean what the whole image means."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import UsageError
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.bank import Bank, Partition
from twofold.nn.groups import matrices_and_vectors
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import synchronise
from twofold.nn.patch_head import PatchHead, embed_patches
from twofold.objectives.hard_negatives import rows_at_ranks, skewed_ranks
from twofold.objectives.noise_contrastive import memory_loss, memory_scores
from twofold.views import recipes
from twofold.views.pretext_recipes import PIRL as VIEWS
from twofold.views.pretext_recipes import jigsaw_branch


class PIRL(Method):
    """PIRL, Misra & van der Maaten, CVPR 2020, arXiv:1912.01991: pretext tasks leave the meaning alone.

    Pretext tasks such as the jigsaw make an encoder tell what was done to an image. Here it must not: the
    image, and its patches in any order, must both be nearer to the memory of the image than to
    memories of other images.

    Args:
        make_encoder: Builds the encoder, which images and patches share.
        loss: ``nce`` tells the memory of the image from noise, one memory at a time; ``softmax`` picks it
            among the negatives (InfoNCE).
        temperature: tau.
        negatives: N, memories drawn for each image. Small data want fewer (1024).
        weight: lambda, of the patches; that of the image is ``1 - lambda``.
        hidden: Units of a hidden layer of both heads; 0 for linear ones, the paper's, a list for any.
        dim: Length of the embeddings; 0 for no heads: what is left is the layer that joins patches.
        patches: Of the jigsaw view, as many as the recipe cuts.
        fill: Whether memories begin as embeddings by the untrained encoder. Random ones, the paper's, spoil
            the first epoch, which short runs cannot afford.
        hardness: How much like the embedding negatives are, which are then drawn from the bank by their rank;
            0 draws them uniformly, as the paper does, and up to about 0.4 they are easier than that. NCE
            takes noise for uniform: better with ``softmax``.

    Traps:
        - The memory follows the image alone: m_I is what the patches should become, not a mean of both.
        - Patches pass the encoder apart from whole images, so that batch norm does not mix them.
        - Both terms compare with the memory of the step before, which is written after the step.
        - Z of noise-contrastive estimation is a constant of each term.
        - An image's memory moves once an epoch, and the first few teach little. In six minutes of a core on
          CIFAR-10 the k-NN probe inside the training stood at 33.5% after 3.2 epochs, at 34.5% after 3.4 of
          InstDisc, whose steps cost half as much: it went on to 43.0% in 8.4 epochs, PIRL to 34.6% in 4.1.
        - Patches of views of 24 pixels have 7. Four of 10 instead of nine of 7 were worth the same (linear
          44.6% and 44.5% after 2.4 epochs of CIFAR-10, judged on a part of train).

    Published:
        - ImageNet, linear, ResNet-50, 800 epochs, N 32000: 63.6
        - ImageNet, linear, ResNet-50, 200 epochs, re-implementation: 61.7
        - ImageNet, 1% labels, ResNet-50, top 5: 57.2
        - ImageNet, 10% labels, ResNet-50, top 5: 83.8
    """

    bank: Bank
    views = VIEWS
    later = ("hardness", "patches")
    fed_by: ClassVar = {"jigsaw": None}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.03,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "floor": 1e-3,
            "batch_size": 1024,
            "epochs": 800,
        },
        "small": {
            "fill": True,
            "loss": "softmax",
            "temperature": 0.1,
            "negatives": 1024,
            "hidden": 512,
            "recipe": jigsaw_branch(
                recipes.B.expanded[0], name="B alone+jigsaw", per_patch=recipes.B.views[0].operations[1:]
            ),
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        loss: Literal["nce", "softmax"] = "nce",
        temperature: float = 0.07,
        negatives: int = 32000,
        weight: float = 0.5,
        hidden: Hidden = 0,
        dim: int = 128,
        patches: int = 9,
        fill: bool = False,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= weight <= 1:
            raise UsageError(f"--weight must be from 0 to 1, not {weight}")
        self.loss = loss
        self.temperature = temperature
        self.negatives = negatives
        self.fill = fill
        self.hardness = hardness
        self.weight = weight
        self.encoder = encoder = make_encoder()
        width = dim or encoder.width
        self.projector = mlp(encoder.width, hidden, dim, norm=False)
        self.jigsaw = PatchHead(mlp(encoder.width, hidden, dim, norm=False), patches, width, width)
        self.partition: Any = nn.ModuleList([Partition(), Partition()])
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """A memory of every image."""
        self.bank = Bank(items, self.jigsaw.joined.out_features)

    def before_epoch(
        self, epoch: int, embed: Callable[[], Float[Tensor, "n d"]]
    ) -> Float[Tensor, " n"] | None:
        """Memories may begin as what the untrained encoder makes of the images."""
        if self.fill and epoch == 0:
            self.bank.fill(self.projector(embed().to(self.bank.rows)))
        return None

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Image and patches against the image's own memory and others, as the bank was before this batch."""
        x, patches = (view.pixels for view in batch.views)
        v = self.projector(self.encoder(x))
        v_patches = self.jigsaw(embed_patches(self.encoder, patches))
        rows, own, losses = self.bank.rows, self.bank.look_up(batch.item), []
        drawn = self.bank.draw(len(v), self.negatives, progress.step)
        ranks = skewed_ranks(len(rows) - 1, self.hardness, progress.step, self.negatives)
        if ranks is None:
            others = [self.bank.look_up(drawn)] * 2  # gigabytes, at the paper's size
        else:
            others = [self.bank.look_up(rows_at_ranks(f, rows, batch.item, ranks)) for f in (v, v_patches)]
        for f, negatives, partition in zip((v, v_patches), others, self.partition, strict=True):
            scores = memory_scores(f, own, negatives, self.temperature)
            losses.append(memory_loss(scores, self.loss, len(rows), partition))
        of_image, of_patches = losses
        self.bank.stage(batch.item, v)
        loss = self.weight * of_patches + (1 - self.weight) * of_image
        seen = {"embedding": v.detach(), "positive": own, "loss_of_patches": of_patches.detach()}
        if self.loss == "softmax":
            seen["i_nce"] = i_nce(of_image, 1 + self.negatives)
        return Step(loss, seen)

    def after_step(self, progress: Progress) -> None:
        """The memories of this batch follow; both Z are kept from the first batch on."""
        self.bank.write()
        for partition in self.partition:
            partition.write()

    def param_groups(self) -> list[dict[str, Any]]:
        """Biases and norms are not decayed."""
        return matrices_and_vectors(self)

    def parts(self) -> dict[str, nn.Module]:
        """The heads of image and patches."""
        return {"projector": self.projector, "jigsaw": self.jigsaw}
