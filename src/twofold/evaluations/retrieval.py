"""Image retrieval among the judged images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.core.evaluation import Score
from twofold.evaluations._options import at_least
from twofold.evaluations._scores import FOUND
from twofold.evaluations._task import Embedded
from twofold.metrics.intervals import Estimate, mean_share, wilson
from twofold.metrics.retrieval import retrieve


@dataclass(frozen=True)
class Retrieval:
    """Image retrieval: whether each judged image finds those of its class among the others (recall@k, mAP).

    All other judged images are ranked by cosine, as is usual in metric learning (Oh Song et al., CVPR 2016,
    arXiv:1511.06452); images to fit on take no part. ``recall@k`` is the share of the queries with an image
    of their class among the first k; ``map`` the mean average precision over the whole ranking;
    ``r_precision`` the share of the right class among the first R, where R is how many there are (Musgrave et
    al., ECCV 2020, arXiv:2003.08505). An image that is alone in its class has nothing to find: it is no
    query. Figures compare on equal images only.

    Args:
        ranks: Each k.
        queries: At most so many images are looked for, drawn at random; all judged images may be found.
    """

    shown: ClassVar[tuple[str, ...]] = ("recall@1", "map")
    reads: ClassVar[tuple[str, ...]] = ("judge",)

    ranks: tuple[int, ...] = (1, 5, 10)
    queries: int = 10_000

    def __post_init__(self) -> None:
        """Refuses to look for nothing.

        Raises:
            UsageError: If a number is not above 0.
        """
        at_least(1, self, "ranks", "queries")

    @property
    def measured(self) -> tuple[str, ...]:
        """Recall for each k, mAP and R-precision."""
        return (*(f"recall@{k}" for k in self.ranks), "map", "r_precision")

    def __call__(self, embedded: Embedded) -> Iterator[Score]:
        """Recall for each k, mAP and R-precision."""
        labels = embedded.judge_labels
        # in random order, so that images that are equally similar are ranked at random
        random = np.random.default_rng(embedded.task.seed)
        order = torch.from_numpy(random.permutation(len(labels))).to(labels.device)
        labels = labels[order]
        has_company = labels.bincount()[labels] > 1
        queries = has_company.nonzero()[: self.queries, 0]
        if not len(queries):
            raise TwofoldError("nothing can be retrieved: no class has two judged images")
        found = retrieve(embedded.judge[order], labels, queries)
        protocol = {
            "queries": len(queries),
            "seed": embedded.task.seed,
            **embedded.protocol,
            FOUND: {"alone_in_their_class": int((~has_company).sum())},
        }

        def score(metric: str, each: Float[Tensor, " q"], estimate: Estimate) -> Score:
            told = _in_order(each, order[queries], len(labels))
            return Score(embedded.subject, "retrieval", metric, *estimate, protocol, per_image=told)

        for k in self.ranks:
            hit = (found.first <= k).double()
            yield score(f"recall@{k}", hit, wilson(int(hit.sum()), len(queries)))
        yield score("map", found.average_precision, mean_share(found.average_precision))
        yield score("r_precision", found.r_precision, mean_share(found.r_precision))


def _in_order(
    each: Float[Tensor, " q"], image: Int[Tensor, " q"], count: int
) -> Float[np.ndarray, " m"] | None:
    """The figures of the queries in the order of the judged images; None where some were no query."""
    return each[image.argsort()].double().cpu().numpy() if len(image) == count else None
