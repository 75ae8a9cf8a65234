"""Two-layer probe."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from twofold.core.evaluation import Score
from twofold.evaluations import _scores
from twofold.evaluations._head import fit_mlp
from twofold.evaluations._task import Embedded


@dataclass(frozen=True)
class Mlp:
    """Two-layer probe: a network with one hidden layer, as wide as the features, on standardised features.

    Beside the linear probe it tells what an encoder holds that no plane can part. Nothing is selected: the
    penalty follows from the number of images (``l2 = 0.5 / sqrt(n)``), and it is fitted to the end by L-BFGS.
    The mean over networks that begin with other weights is reported, with their spread.

    Args:
        networks: How many.
    """

    networks: int = 3

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the classifiers."""
        with embedded.look.screen.bar("two-layer probe", self.networks) as advance:
            repeats = []
            for seed in range(self.networks):
                repeats.append([*self._one(embedded, seed)])
                advance(1)
        yield from _scores.averaged(repeats)

    def _one(self, embedded: Embedded, seed: int) -> Iterator[Score]:
        classes = len(embedded.task.classes)
        head = fit_mlp(embedded.fit, embedded.fit_labels, classes, embedded.task.seed + seed)
        with torch.no_grad():
            predictions = head(embedded.judge).argmax(dim=1)
        protocol = {
            "hidden": embedded.fit.shape[1],
            "probes": self.networks,
            "seed": embedded.task.seed,
            **embedded.protocol,
        }
        yield from _scores.of_predictions(embedded, "mlp", predictions, protocol)
