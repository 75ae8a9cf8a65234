"""What a confusion matrix says: accuracy, recall of each class, macro-F1, with 95% intervals."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.metrics.intervals import Estimate, wilson


def confusion(
    labels: Int[Tensor, " n"], predictions: Int[Tensor, " n"], classes: int
) -> Int[Tensor, "{classes} {classes}"]:
    """How many images of the class of each row were taken for the class of each column."""
    cells = labels * classes + predictions
    return torch.bincount(cells, minlength=classes * classes).view(classes, classes).cpu()


def accuracy(confusion: Int[Tensor, "c c"]) -> Estimate:
    """Share of the images that were classified rightly."""
    return wilson(int(confusion.trace()), int(confusion.sum()))


def recalls(confusion: Int[Tensor, "c c"]) -> list[Estimate | None]:
    """Share of each class's images that were classified rightly; None where a class has no images."""
    hits, totals = confusion.diagonal().tolist(), confusion.sum(1).tolist()
    return [wilson(hit, total) if total else None for hit, total in zip(hits, totals, strict=True)]


def macro_f1(confusion: Int[Tensor, "c c"], *, draws: int = 1000, seed: int = 0) -> Estimate:
    """Mean F1 over the classes that occur among labels or predictions.

    The interval is that of a bootstrap: as many images are drawn again with replacement, ``draws``
    times. Where no image was classified wrongly all draws are the same; then it is Wilson's.

    Args:
        confusion: Counts of images.
        draws: Bootstrap samples.
        seed: Of the samples.
    """
    total, hits = int(confusion.sum()), int(confusion.trace())
    if hits == total:
        return wilson(hits, total)
    truth, taken_for = (index.numpy() for index in confusion.nonzero(as_tuple=True))
    counts = confusion[truth, taken_for].numpy()
    random = np.random.default_rng(seed)
    samples = random.multinomial(total, counts / total, size=draws)
    classes = len(confusion)
    value = _macro_f1(counts[None], truth, taken_for, classes)[0]
    low, high = np.quantile(_macro_f1(samples, truth, taken_for, classes), [0.025, 0.975])
    return Estimate(float(value), float(min(low, value)), float(max(high, value)))


def _macro_f1(
    counts: Int[np.ndarray, "draws cells"],
    truth: Int[np.ndarray, " cells"],
    taken_for: Int[np.ndarray, " cells"],
    classes: int,
) -> Float[np.ndarray, " draws"]:
    """Macro-F1 of each sample, which says how many images lie in each cell of the matrix."""
    right = truth == taken_for
    hits = _sums(counts[:, right], truth[right], classes)
    occurs = _sums(counts, truth, classes) + _sums(counts, taken_for, classes)
    f1 = 2 * hits / np.maximum(occurs, 1)
    present: Float[np.ndarray, " draws"] = f1.sum(1) / (occurs > 0).sum(1)
    return present


def _sums(
    counts: Int[np.ndarray, "draws cells"], classes_of: Int[np.ndarray, " cells"], classes: int
) -> Int[np.ndarray, "draws {classes}"]:
    sums = np.zeros((len(counts), classes), np.int64)
    order = np.argsort(classes_of, kind="stable")
    present, first = np.unique(classes_of[order], return_index=True)
    if len(present):
        sums[:, present] = np.add.reduceat(counts[:, order], first, axis=1)
    return sums
