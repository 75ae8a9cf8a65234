"""Linear classifiers by stochastic gradient descent, as the papers train theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import Method
from twofold.core.precision import full_precision
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.core.source import Images
from twofold.evaluations._logistic import LinearClassifier
from twofold.evaluations._look import Look
from twofold.evaluations._task import channels_of
from twofold.train.loop import Training, fit
from twofold.train.optim import OptimizerSpec, make_optimizer, set_rates
from twofold.train.stream import Stream
from twofold.views.maker import ViewMaker
from twofold.views.ops.flips import Flip

INITIAL_STD = 0.01
"""Of the weights at the start; biases are 0."""


@dataclass(frozen=True)
class Descent:
    """How long, in what steps and from where a classifier is trained.

    Args:
        optimizer: How the weights move; its rate follows the schedule step by step.
        batch_size: Images a batch; the last, incomplete one of an epoch is dropped.
        epochs: Passes over the images.
        seed: Of the initial weights, of the order and of the views.
    """

    optimizer: OptimizerSpec
    batch_size: int
    epochs: int
    seed: int

    def on_features(
        self,
        features: Float[Tensor, "n d"],
        labels: Int[Tensor, " n"],
        classes: int,
        *,
        advance: Callable[[int], object] = lambda _: None,
    ) -> LinearClassifier:
        """Trained on features as they are.

        Args:
            features: Of every image.
            labels: Their classes.
            classes: Number of classes.
            advance: Told of each epoch.
        """
        layer = self._layer(features.shape[1], classes).to(features.device)
        optimizer = make_optimizer(self.optimizer, [{"params": [*layer.parameters()]}])
        steps = len(features) // self.batch_size
        for epoch in range(self.epochs):
            for number, rows in enumerate(self._order(len(features), epoch).split(self.batch_size)[:steps]):
                progress = Progress(epoch * steps + number, self.epochs * steps, epoch, self.epochs)
                set_rates(optimizer, self.optimizer, progress)
                chosen = rows.to(features.device)
                seen = features.index_select(0, chosen)  # in a third of the time of features[chosen]
                _cross_entropy(seen, labels[chosen], layer).backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            advance(1)
        return _classifier(layer)

    def on_views(self, images: Images, classes: int, width: int, look: Look) -> LinearClassifier:
        """Trained on features of random crops, mirrored or not, of the images.

        Args:
            images: With a class each.
            classes: Number of classes.
            width: Of a feature.
            look: How the views are seen.
        """
        probe = look.engine.place(Probe(look, self._layer(width, classes)))
        views = ViewMaker(probe.views, seed=self.seed, view_size=look.size, channels=channels_of(images))
        ahead = look.engine.ahead
        stream = Stream(images, views, self.batch_size, self.seed, labels=True, ahead=ahead)
        optimizer = make_optimizer(self.optimizer, probe.param_groups())
        total = self.epochs * stream.steps_per_epoch
        training = Training(probe, optimizer, self.optimizer, stream, look.engine, total)
        with look.screen.bar("linear probe on views", total) as advance:
            fit(training, lambda *_: advance(1))
        return _classifier(probe.layer)

    def _layer(self, width: int, classes: int) -> nn.Linear:
        # torch's own start would be drawn from its one global generator
        layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)
        random = torch.Generator().manual_seed(self.seed)
        nn.init.normal_(layer.weight, std=INITIAL_STD, generator=random)
        nn.init.zeros_(layer.bias)
        return layer

    def _order(self, images: int, epoch: int) -> Int[Tensor, " n"]:
        return torch.from_numpy(np.random.default_rng([self.seed, epoch]).permutation(images))


class Probe(Method):
    """A linear layer on a network that stays as it is.

    The network is no part of the module: no training mode, gradient or optimiser reaches it.

    Args:
        look: How the views are seen.
        layer: What is trained.
    """

    views: ClassVar[Recipe] = Recipe("linear probe", (ViewSpec(Crop(scale=(0.08, 1.0)), (Flip(),)),))
    learns_from_labels: ClassVar[bool] = True

    def __init__(self, look: Look, layer: nn.Linear) -> None:
        super().__init__()
        self.look = look
        self.layer = layer

    def forward(self, batch: Batch, progress: Progress) -> Step:
        """Cross-entropy of the one view."""
        h = self.look.of_views(batch.views[0].pixels)
        return Step(_cross_entropy(h, batch.targets["label"], self.layer))


@full_precision
def _cross_entropy(
    features: Float[Tensor, "b d"], labels: Int[Tensor, " b"], layer: nn.Linear
) -> Float[Tensor, ""]:
    return functional.cross_entropy(layer(features), labels)


def _classifier(layer: nn.Linear) -> LinearClassifier:
    return LinearClassifier(layer.weight.detach(), layer.bias.detach())
