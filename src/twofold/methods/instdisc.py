"""InstDisc: every image is a class of its own, and a memory of its embedding stands for the class."""

from collections.abc import Callable
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.bank import Bank, Partition
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import synchronise
from twofold.objectives.hard_negatives import rows_at_ranks, skewed_ranks
from twofold.objectives.noise_contrastive import memory_loss, memory_scores
from twofold.objectives.regression import cosine_regression
from twofold.views import recipes

IMAGENET = {
    "optimizer": "sgd",
    "lr": 0.03,
    "weight_decay": 1e-4,
    "momentum": 0.9,
    "warmup": 0.0,
    "schedule": "step",
    "drops": (120 / 200, 160 / 200),
    "drop": 0.1,
    "batch_size": 256,
    "epochs": 200,
}


class InstDisc(Method):
    """Instance discrimination, Wu et al., CVPR 2018, arXiv:1805.01978: every image is a class of its own.

    A classifier over all images would need a weight vector for each; in their place stand the embeddings
    of past epochs, kept in a memory bank. One view of an image must be nearer to the memory of the image
    than to memories drawn at random. Each memory then moves half of the way to the new embedding.

    Args:
        make_encoder: Builds the encoder f.
        loss: ``nce`` tells the memory of the image from noise, one memory at a time; ``softmax`` picks it
            among the negatives (InfoNCE).
        temperature: tau.
        negatives: m, memories drawn for each image.
        proximal: lambda, weight of the squared distance to the image's own memory; 0 for none.
        hidden: Units of a hidden layer of the head; 0 for a linear one, the paper's, a list for any.
        dim: Length of v; 0 for no head, v = h.
        fill: Whether memories begin as embeddings by the untrained encoder. Random ones, the paper's, spoil
            the first epoch, which short runs cannot afford.
        hardness: How much like the embedding negatives are, which are then drawn from the bank by their rank;
            0 draws them uniformly, as the paper does, and up to about 0.4 they are easier than that. NCE
            takes noise for uniform: better with ``softmax``.

    Traps:
        - The memory must be read before it is written, or an embedding is its own positive. It is written
          after the step.
        - Z belongs to the first batch. Estimated anew at every step it takes part in the loss, and nothing
          holds the similarities down; it is frozen, and kept in checkpoints.
        - A memory that is not saved, or that differs between processes, makes a resumed run another run.
          It is a buffer, and all processes write the rows of the whole batch.
        - Few steps over many images leave memories as old as an epoch: the method wants many epochs.

    Published:
        - ImageNet, linear, ResNet-50, 200 epochs, m 4096: 54.0
        - ImageNet, linear, ResNet-50, 200 epochs, NCE, m 4096, re-implementation: 56.5
        - ImageNet, linear, ResNet-50, 200 epochs, softmax, m 16384, re-implementation: 58.5
        - ImageNet, linear, ResNet-50, 200 epochs, softmax, m 65536, re-implementation: 59.5
        - ImageNet, k-NN with 200 neighbours, ResNet-50, 200 epochs: 46.5
        - CIFAR-10, weighted k-NN, ResNet-18, m 4096, tau 0.1: 80.4
    """

    bank: Bank
    views = recipes.single(recipes.A)
    later = ("hidden", "hardness")
    presets: ClassVar = {
        "imagenet": IMAGENET,
        "cifar10": {
            "temperature": 0.1,
            "proximal": 0.0,
            "recipe": recipes.single(recipes.A_CIFAR),
            "encoder": "resnet18",
            "optimizer": "sgd",
            "lr": 0.06,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "constant",
            "batch_size": 128,
            "epochs": 200,
        },
        "small": {
            "fill": True,
            "loss": "softmax",
            "temperature": 0.1,
            "negatives": 1024,
            "proximal": 0.0,
            "dim": 128,
            "recipe": recipes.single(recipes.B),
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
        negatives: int = 4096,
        proximal: float = 30.0,
        hidden: Hidden = 0,
        dim: int = 128,
        fill: bool = False,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.temperature = temperature
        self.negatives = negatives
        self.fill = fill
        self.hardness = hardness
        self.proximal = proximal
        self.encoder = encoder = make_encoder()
        self.dim = dim or encoder.width
        self.projector = mlp(encoder.width, hidden, dim, norm=False)
        self.partition = Partition()
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """A memory of every image."""
        self.bank = Bank(items, self.dim)

    def before_epoch(
        self, epoch: int, embed: Callable[[], Float[Tensor, "n d"]]
    ) -> Float[Tensor, " n"] | None:
        """Memories may begin as what the untrained encoder makes of the images."""
        if self.fill and epoch == 0:
            self.bank.fill(self.projector(embed().to(self.bank.rows)))
        return None

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """The image's own memory against others, as the bank was before this batch."""
        v = self.projector(self.encoder(batch.views[0].pixels))
        n, memories = len(self.bank.rows), self.bank.look_up(batch.item)
        ranks = skewed_ranks(n - 1, self.hardness, progress.step, self.negatives)
        drawn = self.bank.draw(len(v), self.negatives, progress.step)
        others = drawn if ranks is None else rows_at_ranks(v, self.bank.rows, batch.item, ranks)
        scores = memory_scores(v, memories, self.bank.look_up(others), self.temperature)
        loss = memory_loss(scores, self.loss, n, self.partition)
        seen = {"embedding": v.detach(), "positive": memories}
        if self.loss == "softmax":
            seen["i_nce"] = i_nce(loss, scores.shape[1])
        if self.proximal:
            loss = loss + self.proximal * cosine_regression(v, memories)
        self.bank.stage(batch.item, v)
        return Step(loss, seen)

    def after_step(self, progress: Progress) -> None:
        """The memories of this batch follow; Z is kept from the first batch on."""
        self.bank.write()
        self.partition.write()

    def parts(self) -> dict[str, nn.Module]:
        """The linear head."""
        return {"projector": self.projector}
