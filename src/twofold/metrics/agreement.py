"""How far clusters that nobody named agree with classes."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.metrics.intervals import Estimate, Z, wilson


class Agreement(NamedTuple):
    """Figures of one clustering, with 95% intervals.

    Args:
        nmi: Normalised mutual information: 0 where clusters tell nothing of the class, 1 where they are the
            classes. Normalised by the mean of both entropies; it grows a little with the number of clusters.
        ari: Rand index adjusted for chance: 0 on average for clusters drawn at random, below 0 for worse
            ones, 1 where clusters are the classes.
        purity: Share of the images whose class is the most frequent one of their cluster. More clusters
            are purer, even at random, up to 1 where each image has its own.
    """

    nmi: Estimate
    ari: Estimate
    purity: Estimate


def agreement(labels: Int[Tensor, " n"], clusters: Int[Tensor, " n"]) -> Agreement:
    """Compares clusters with classes, whatever numbers either has.

    The intervals are for other images and the same centres: Wilson's for purity, else by the slopes of the
    figure with the number of images in each cell of the table of classes and clusters, which are multinomial
    (the delta method).

    Args:
        labels: Class of each image.
        clusters: Its cluster.

    Reference:
        Strehl & Ghosh, JMLR 2002; Hubert & Arabie, Journal of Classification 1985; Manning, Raghavan &
        Schütze, Introduction to Information Retrieval (2008), section 16.3.
    """
    cells, count = torch.stack([labels, clusters]).cpu().unique(dim=1, return_counts=True)
    row, column = (numbers.unique(return_inverse=True)[1] for numbers in cells)
    if len(count) == row.max() + 1 == column.max() + 1:  # each class is a cluster
        all_right = wilson(len(labels), len(labels))
        return Agreement(all_right, all_right, all_right)
    most = torch.zeros_like(count).scatter_reduce(0, column, count, "amax")
    return Agreement(
        _estimated(lambda cell: _nmi(cell, row, column), count, least=0.0),
        _estimated(lambda cell: _ari(cell, row, column), count, least=-0.5),
        wilson(int(most.sum()), len(labels)),
    )


def _estimated(figure: Callable[[Tensor], Tensor], count: Int[Tensor, " cells"], least: float) -> Estimate:
    cell = count.double().requires_grad_()
    with torch.enable_grad():
        found = figure(cell)
        (slope,) = torch.autograd.grad(found, cell)
    # how many images there are in all does not move the figures: the slopes average to nothing
    value, half = found.item(), Z * (count * slope.square()).sum().sqrt().item()
    return Estimate(value, max(min(value, least), value - half), min(1.0, value + half))


def _nmi(cell: Float[Tensor, " cells"], row: Tensor, column: Tensor) -> Float[Tensor, ""]:
    apart = _entropy(_sums(cell, row)) + _entropy(_sums(cell, column))
    return 2 * (apart - _entropy(cell)) / apart


def _ari(cell: Float[Tensor, " cells"], row: Tensor, column: Tensor) -> Float[Tensor, ""]:
    together, alike, joined = _pairs(cell), _pairs(_sums(cell, row)), _pairs(_sums(cell, column))
    by_chance = alike * joined / _pairs(cell.sum())
    return (together - by_chance) / ((alike + joined) / 2 - by_chance)


def _sums(cell: Float[Tensor, " cells"], group: Int[Tensor, " cells"]) -> Float[Tensor, " groups"]:
    return cell.new_zeros(int(group.max()) + 1).index_add(0, group, cell)


def _entropy(count: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    share = count / count.sum()
    return -(share * share.log()).sum()


def _pairs(count: Float[Tensor, "*k"]) -> Float[Tensor, ""]:
    return (count * (count - 1) / 2).sum()
