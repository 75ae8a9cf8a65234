"""Weighted k-nearest-neighbour classification."""

from collections.abc import Iterator
from dataclasses import dataclass

from twofold.core import dist
from twofold.core.evaluation import Score
from twofold.evaluations import _scores
from twofold.evaluations._options import above_zero, at_least, some
from twofold.evaluations._task import Embedded
from twofold.metrics.knn import Neighbours, neighbours, vote


@dataclass(frozen=True)
class Knn:
    """k-NN on the features as they are: nothing is trained, nothing is selected.

    Each image takes the class with the largest sum of ``exp(cosine / temperature)`` over its nearest
    training images (Wu et al., CVPR 2018, arXiv:1805.01978, section 3.4).

    Args:
        neighbours: Numbers of neighbours that vote, each judged by itself; no more than there are images.
        temperature: How much a nearer neighbour counts more.
    """

    neighbours: tuple[int, ...] = (200, 1)
    temperature: float = 0.07

    def __post_init__(self) -> None:
        """Refuses to ask nobody, or those furthest away.

        Raises:
            UsageError: If a number is not above 0, or there is none.
        """
        some(self, "neighbours")
        at_least(1, self, "neighbours")
        above_zero(self, "temperature")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Scores for each number of neighbours."""
        near = _neighbours(embedded, max(self.neighbours))
        for k in self.neighbours:
            nearest = Neighbours(near.similarity[:, :k], near.row[:, :k])
            predictions = vote(nearest, embedded.fit_labels, len(embedded.task.classes), self.temperature)
            protocol = {"k": nearest.row.shape[1], "temperature": self.temperature, **embedded.protocol}
            yield from _scores.of_predictions(embedded, "knn", predictions, protocol)


def _neighbours(embedded: Embedded, k: int) -> Neighbours:
    """Of each judged image; each process looks for those of its share."""
    own = dist.share(len(embedded.judge)).to(embedded.judge.device)
    near = neighbours(embedded.judge[own], embedded.fit, k)
    return Neighbours(*(dist.gather(part)[: len(embedded.judge)] for part in near))
