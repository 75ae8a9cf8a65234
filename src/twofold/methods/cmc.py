"""CMC: colour channels of one image, each seen by a network of its own, must agree on what they show."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.batch import Batch, Progress, Step
from twofold.core.colour_spaces import Space
from twofold.core.method import MakeEncoder, Method
from twofold.metrics.i_nce import i_nce
from twofold.nn.bank import Bank, Partition
from twofold.nn.heads import Hidden, mlp
from twofold.nn.norm import synchronise
from twofold.objectives.hard_negatives import rows_at_ranks, skewed_ranks
from twofold.objectives.noise_contrastive import memory_loss, memory_scores
from twofold.views.pretext_recipes import CROP_AND_FLIP


class CMC(Method):
    """Contrastive multiview coding, Tian et al., ECCV 2020, arXiv:1906.05849: channels as views.

    Lightness and colour of the same crop are two views of it: what both tell is what is there, and not how
    one of them happens to look. Each has a network and a memory bank of its own; the embedding of one must be
    nearer to the other's memory of the image than to its memories of other images.

    Args:
        make_encoder: Builds the encoder: one network for each group of channels, side by side.
        space: What colours are converted to before they are split; None leaves red, green and blue.
        groups: Channels of each view, as positions in the space; with more than two, all pairs are
            contrasted.
        loss: ``nce`` tells the memory of the image from noise, one memory at a time; ``softmax`` picks it
            among the negatives (InfoNCE).
        temperature: tau.
        negatives: m, memories drawn for each image. Small data want fewer (1024).
        hidden: Units of a hidden layer of the heads; 0 for linear ones, the paper's, a list for any.
        dim: Length of the embeddings; 0 for no heads.
        with_replacement: Whether the images of an epoch are drawn with replacement. Without it the memory of
            an image is always older than those of images that the epoch has seen.
        fill: Whether memories begin as embeddings by the untrained encoder. Random ones, the paper's, spoil
            the first epoch, which short runs cannot afford.
        hardness: How much like the embedding negatives are, which are then drawn from the bank by their rank;
            0 draws them uniformly, as the paper does, and up to about 0.4 they are easier than that. NCE
            takes noise for uniform: better with ``softmax``.

    Traps:
        - Where embeddings move fast, the age of a memory tells the image's own from others, whatever they
          show: on photographs, at a high rate, the loss fell from 13.9 to 5.6 within the first epoch, and
          began the next one at 14.8. Drawn with replacement, all memories are of the same age on average:
          after five epochs the k-NN probe inside the training images came to 39.3 instead of 33.0.
        - Colours are converted before anything is normalised: the encoder does both, so that what is
          saved takes images as they are.
        - Jitter of colours before the split changes what the views share; the recipe has none.
        - An embedding looks into the bank of the other view, never into its own, where lightness could be
          matched with lightness.
        - Z of noise-contrastive estimation is a constant of each direction.

    Published:
        - ImageNet, linear, two full ResNet-50, augmentation tuned with labels: 64.1
        - ImageNet, linear, ResNet-50 x2: 68.4
        - ImageNet, linear, two half-width ResNet-50, 240 epochs: 60.0
    """

    banks: Any
    revision: ClassVar[int] = 3
    views = CROP_AND_FLIP
    later = ("hidden", "hardness", "with_replacement")
    fed_by: ClassVar = {"projectors": None}
    presets: ClassVar = {
        "imagenet": {
            "optimizer": "sgd",
            "lr": 0.06,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "warmup": 0.0,
            "schedule": "step",
            "drops": (120 / 240, 160 / 240, 200 / 240),
            "drop": 0.1,
            "batch_size": 128,
            "epochs": 240,
        },
        "small": {
            "with_replacement": True,
            "fill": True,
            "loss": "softmax",
            "temperature": 0.1,
            "negatives": 1024,
            "batch_size": 128,
            "lr": 0.8,
        },
    }

    def __init__(
        self,
        make_encoder: MakeEncoder,
        *,
        space: Space | None = "lab",
        groups: Sequence[Sequence[int]] = ((0,), (1, 2)),
        loss: Literal["nce", "softmax"] = "nce",
        temperature: float = 0.07,
        negatives: int = 16384,
        hidden: Hidden = 0,
        dim: int = 128,
        with_replacement: bool = False,
        fill: bool = False,
        hardness: float = 0.0,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.temperature = temperature
        self.negatives = negatives
        self.with_replacement = with_replacement
        self.fill = fill
        self.hardness = hardness
        self.encoder = encoder = make_encoder(split={"space": space, "groups": [[*g] for g in groups]})
        self.widths = encoder.backbone.widths
        self.dim = dim or self.widths[0]
        self.projectors = nn.ModuleList(mlp(width, hidden, dim, norm=False) for width in self.widths)
        self.directions = list(permutations(range(len(self.widths)), 2))
        self.partitions: Any = nn.ModuleList(Partition() for _ in self.directions)
        synchronise(self)

    def setup(self, items: int, classes: int, steps: int) -> None:
        """A memory of every image in every view."""
        self.banks = nn.ModuleList(Bank(items, self.dim) for _ in self.widths)

    def before_epoch(
        self, epoch: int, embed: Callable[[], Float[Tensor, "n d"]]
    ) -> Float[Tensor, " n"] | None:
        """Memories may begin as what the untrained encoder makes of the images, which may be drawn anew."""
        if self.fill and epoch == 0:
            parts = embed().to(self.banks[0].rows).split(self.widths, dim=1)
            for bank, projector, h in zip(self.banks, self.projectors, parts, strict=True):
                bank.fill(projector(h))
        return torch.ones(len(self.banks[0].rows)) if self.with_replacement else None

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """The sum over all directions: one view's embedding against the other's bank, as it was before."""
        parts = self.encoder(batch.views[0].pixels).split(self.widths, dim=1)
        v = [projector(h) for projector, h in zip(self.projectors, parts, strict=True)]
        drawn = self.banks[0].draw(len(v[0]), self.negatives, progress.step)
        ranks = skewed_ranks(len(self.banks[0].rows) - 1, self.hardness, progress.step, self.negatives)
        own, losses = [bank.look_up(batch.item) for bank in self.banks], []
        for (one, other), partition in zip(self.directions, self.partitions, strict=True):
            bank = self.banks[other]
            others = drawn if ranks is None else rows_at_ranks(v[one], bank.rows, batch.item, ranks)
            scores = memory_scores(v[one], own[other], bank.look_up(others), self.temperature)
            losses.append(memory_loss(scores, self.loss, len(bank.rows), partition))
        for bank, vectors in zip(self.banks, v, strict=True):
            bank.stage(batch.item, vectors)
        seen = {"embedding": torch.cat(v, dim=1).detach(), "positive": torch.cat(own, dim=1)}
        if self.loss == "softmax":
            seen["i_nce"] = i_nce(torch.stack(losses).mean(), 1 + self.negatives)
        return Step(torch.stack(losses).sum(), seen)

    def after_step(self, progress: Progress) -> None:
        """The memories of this batch follow; every Z is kept from the first batch on."""
        for memory in (*self.banks, *self.partitions):
            memory.write()

    def parts(self) -> dict[str, nn.Module]:
        """The linear heads."""
        return {"projectors": self.projectors}
