"""Trains a whole classifier, encoder and head, on labelled images."""

import copy
from dataclasses import replace
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import TwofoldError
from twofold.core.method import Method
from twofold.core.precision import full_precision
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.core.source import Images
from twofold.data.screen import Screen
from twofold.evaluations._features import as_channels
from twofold.nn.encoder import Encoder
from twofold.nn.groups import matrices_and_vectors
from twofold.train.engine import Engine
from twofold.train.loop import Training, fit
from twofold.train.optim import OptimizerSpec, make_optimizer
from twofold.train.stream import Stream
from twofold.views.maker import ViewMaker
from twofold.views.ops.flips import Flip

OPTIMIZER = OptimizerSpec(optimizer="adamw", lr=1e-3, weight_decay=0.01, warmup=0.1)
FROM_SCRATCH = replace(OPTIMIZER, lr=1e-2)
"""Rates that were the best, or near it, for 20 to 2,000 images: see ``benchmarks/fine_tuning.py``."""

BATCH = 64
FROM_HEAD = OptimizerSpec(optimizer="lars", lr=0.005 * BATCH**0.5, weight_decay=0.0, warmup=0.0)
"""SimCLR v2's way from the middle of the head (arXiv:2006.10029, section 3); its batches are of 1024."""

FEWEST_STEPS = 100


class FineTune(Method):
    """Cross-entropy of encoder and head on lightly augmented images.

    Args:
        encoder: Where it starts.
        head: Turns its vectors into logits.
        from_scratch: Whether the encoder is untrained, so that its batch norms learn their statistics, too.
            Those of a trained one stay as they are: a handful of images could not estimate them, and its head
            is fitted to what they make. (With 2,000 images it is a little better if they learn, with 200 a
            little worse: see ``benchmarks/fine_tuning.py``.)
    """

    views: ClassVar[Recipe] = Recipe("light", (ViewSpec(Crop(scale=(0.4, 1.0)), (Flip(),)),))
    learns_from_labels: ClassVar[bool] = True

    encoder: Encoder

    def __init__(self, encoder: Encoder, head: nn.Module, *, from_scratch: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.from_scratch = from_scratch

    def train(self, mode: bool = True) -> "FineTune":
        """Training mode, but not for batch norms that keep their statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not self.from_scratch:
                module.eval()
        return self

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy of the one view."""
        pixels = as_channels(batch.views[0].pixels, self.encoder.spec["channels"])
        return Step(self._loss(self.encoder(pixels), batch.targets["label"]))

    def param_groups(self) -> list[dict[str, object]]:
        """Weight decay for matrices only."""
        return matrices_and_vectors(self)

    @full_precision
    def _loss(self, h: Float[Tensor, "b d"], label: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        return F.cross_entropy(self.head(h), label)


def finetune(
    encoder: Encoder,
    head: nn.Module,
    images: Images,
    *,
    channels: int,
    epochs: float,
    seed: int,
    engine: Engine,
    screen: Screen,
    optimizer: OptimizerSpec = OPTIMIZER,
    from_scratch: bool = False,
) -> tuple[Encoder, nn.Module]:
    """A trained copy of encoder and head, in eval mode.

    Args:
        encoder: Where to start.
        head: Fitted to the encoder's features where these are worth something, so that its first, large
            gradients do not spoil them (Kumar et al., ICLR 2022, arXiv:2202.10054).
        images: All of them labelled.
        channels: Of the images.
        epochs: Passes over the images; at least a hundred steps are made.
        seed: Of order and views.
        engine: Where it is computed.
        screen: Where progress is shown.
        optimizer: How the weights move.
        from_scratch: Whether the encoder is untrained, see ``FineTune``.

    Raises:
        TwofoldError: If there is but one image.
    """
    if len(images) < 2:
        raise TwofoldError("there is one labelled image to learn from: batch norm compares images")
    tuned = FineTune(copy.deepcopy(encoder), copy.deepcopy(head), from_scratch=from_scratch)
    tuned = engine.place(tuned)
    batch_size = min(BATCH, len(images))
    views = ViewMaker(tuned.views, seed=seed, view_size=encoder.spec["size"], channels=channels)
    training = Training(
        method=tuned,
        optimizer=make_optimizer(optimizer, tuned.param_groups()),
        spec=optimizer,
        stream=Stream(images, views, batch_size, seed, labels=True, ahead=engine.ahead),
        engine=engine,
        total=max(FEWEST_STEPS, round(epochs * len(images) / batch_size)),
    )
    with screen.bar("fine-tuning", training.total) as advance:
        fit(training, lambda *_: advance(1))
    tuned.eval()
    return tuned.encoder, tuned.head
