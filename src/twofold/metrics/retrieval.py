"""Image retrieval: does an image find those of its class? Exact, by cosine, within bounded memory."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from twofold.core.precision import full_precision

_AT_ONCE = 2**23
"""Similarities that are ranked at once; with all that is made of them they take about 300 MiB."""


class Retrieval(NamedTuple):
    """What each query found.

    Args:
        first: Place of the first image of its class, counted from 1.
        average_precision: Mean, over the images of its class, of the share of its class among those that come
            no later.
        r_precision: Share of its class among the first so many as its class has other images.
    """

    first: Int[Tensor, " q"]
    average_precision: Float[Tensor, " q"]
    r_precision: Float[Tensor, " q"]


@full_precision
@torch.no_grad()
def retrieve(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], queries: Int[Tensor, " q"]
) -> Retrieval:
    """Ranks all other images by cosine for each query.

    Of equally similar images the one that comes first in ``features`` is ranked first.

    Args:
        features: Of the images.
        labels: Their classes.
        queries: Rows of those that are looked for; each has at least one other image of its class.

    Reference:
        Manning, Raghavan & Schütze, Introduction to Information Retrieval (2008), section 8.4.
    """
    unit = functional.normalize(features, dim=1)
    parts = queries.split(max(1, _AT_ONCE // len(unit)))
    return Retrieval(*map(torch.cat, zip(*(_retrieve(unit, labels, part) for part in parts), strict=True)))


def _retrieve(unit: Float[Tensor, "n d"], labels: Int[Tensor, " n"], queries: Int[Tensor, " q"]) -> Retrieval:
    similarity = unit[queries] @ unit.T
    similarity.scatter_(1, queries[:, None], -torch.inf)  # the query itself comes last, and is left out
    ranking = similarity.argsort(dim=1, descending=True, stable=True)[:, :-1]
    relevant = labels[ranking] == labels[queries, None]
    found = relevant.cumsum(1)
    total = found[:, -1:]
    precision = found / torch.arange(1, len(unit), device=unit.device)
    return Retrieval(
        (found == 0).sum(1) + 1,
        (precision * relevant).sum(1) / total[:, 0],
        precision.gather(1, total - 1)[:, 0],
    )
