"""Agreement of k-means clusters with the classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch.nn import functional

from twofold.core.evaluation import Score
from twofold.evaluations._kmeans import kmeans, nearest
from twofold.evaluations._options import at_least
from twofold.evaluations._scores import FOUND
from twofold.evaluations._task import Embedded
from twofold.metrics.agreement import Agreement, agreement
from twofold.metrics.intervals import over_repeats, standard_deviation


@dataclass(frozen=True)
class Clusters:
    """k-means: how far clusters that are found without labels agree with the classes (NMI, ARI, purity).

    Features are scaled to unit length. The centres are those of the images to fit on, whose labels are not
    looked at; each judged image belongs to the nearest centre, and classes and clusters of the judged images
    are compared. ``metrics/agreement.py`` defines the figures.

    Args:
        clusters: Number of centres; None is the number of classes. Figures compare at equal numbers only.
        starts: How often k-means begins anew (k-means++); the tightest clustering counts.
        repeats: How often all that is done with other random numbers; the mean and the spread are reported.
    """

    shown: ClassVar[tuple[str, ...]] = ("nmi", "ari", "purity")

    clusters: int | None = None
    starts: int = 3
    repeats: int = 5

    def __post_init__(self) -> None:
        """Refuses to do nothing.

        Raises:
            UsageError: If a number is not above 0.
        """
        at_least(1, self, "clusters", "starts", "repeats")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """The three figures."""
        count = self.clusters or len(embedded.fit_labels.unique())
        found = [self._cluster(embedded, count, repeat) for repeat in range(self.repeats)]
        for metric, estimates in zip(Agreement._fields, zip(*found, strict=True), strict=True):
            protocol = {
                "clusters": count,
                "starts": self.starts,
                "repeats": self.repeats,
                "seed": embedded.task.seed,
                **embedded.protocol,
                FOUND: {
                    "spread": standard_deviation(estimates),
                    "values": [one.value for one in estimates],
                },
            }
            yield Score(embedded.subject, "clusters", metric, *over_repeats(estimates), protocol)

    def _cluster(self, embedded: Embedded, count: int, repeat: int) -> Agreement:
        fit, judge = (functional.normalize(side, dim=1) for side in (embedded.fit, embedded.judge))
        random = np.random.default_rng([embedded.task.seed, repeat])
        centres = kmeans(fit, count, starts=self.starts, random=random).centres
        return agreement(embedded.judge_labels, nearest(judge, centres))
