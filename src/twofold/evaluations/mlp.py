"""Two-layer probe."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from twofold.core.evaluation import Score
from twofold.evaluations import _scores
from twofold.evaluations._draw import check_shows_each, in_random_order
from twofold.evaluations._head import fit_mlp
from twofold.evaluations._options import at_least
from twofold.evaluations._task import Embedded, labels_of


@dataclass(frozen=True)
class Mlp:
    """Two-layer probe: a network with one hidden layer, as wide as the features, on standardised features.

    Beside the linear probe it tells what an encoder holds that no plane can part. Nothing is selected: the
    penalty follows from the number of images (``l2 = 0.5 / sqrt(n)``), and it is fitted to the end by L-BFGS.
    The mean over networks that begin with other weights is reported, with their spread; each of several
    random encoders has one. Raw pixels are not judged: a hidden layer as wide as an image would take hours.

    Args:
        networks: How many for an encoder.
        images: At most so many images to fit on, drawn at random, one of each class at least;
            None is all.
    """

    networks: int = 3
    images: int | None = 10_000

    def __post_init__(self) -> None:
        """Refuses to fit nothing.

        Raises:
            UsageError: If a number is not above 0.
        """
        at_least(1, self, "networks", "images")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores of the classifiers.

        Raises:
            TwofoldError: If there are more classes than images to fit on.
        """
        if embedded.subject == "pixels":
            return
        several = "networks" in embedded.protocol
        seeds = [embedded.network] if several else range(self.networks)
        with embedded.look.screen.bar("two-layer probe", len(seeds)) as advance:
            repeats = []
            for seed in seeds:
                repeats.append([*self._one(embedded, seed, len(seeds))])
                advance(1)
        yield from _scores.averaged(repeats)

    def _one(self, embedded: Embedded, seed: int, probes: int) -> Iterator[Score]:
        classes = len(embedded.task.classes)
        labels = labels_of(embedded.task.fit)
        check_shows_each(self, self.images, labels)
        order = in_random_order(labels, embedded.task.seed)
        rows = torch.from_numpy(order[: self.images]).to(embedded.fit.device)
        head = fit_mlp(embedded.fit[rows], embedded.fit_labels[rows], classes, embedded.task.seed + seed)
        with torch.no_grad():
            predictions = head(embedded.judge).argmax(dim=1)
        protocol = {
            "hidden": embedded.fit.shape[1],
            "probes": probes,
            "images": len(rows),
            "l2": "0.5 / sqrt(images)",
            "seed": embedded.task.seed,
            **embedded.protocol,
        }
        yield from _scores.of_predictions(embedded, "mlp", predictions, protocol)
