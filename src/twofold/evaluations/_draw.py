"""Some of the labelled images, without leaving out a class."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from twofold.core.errors import TwofoldError
from twofold.evaluations._options import called


def check_shows_each(
    protocol: Any, images: int | None, labels: Int[np.ndarray, " n"], *, beside: int = 0
) -> None:
    """Refuses to fit on fewer images than there are classes; None is all of them.

    Args:
        protocol: Which is named.
        images: How many it takes.
        labels: Of all.
        beside: Images that it needs besides one of each class.

    Raises:
        TwofoldError: If there are more classes.
    """
    if images is not None and images < (classes := len(np.unique(labels))) + beside:
        select = ", and select by one" * bool(beside)
        shown = f"{images} images cannot show {classes} classes{select}"
        raise TwofoldError(f"{called(protocol)}: {shown}: let it have more images")


def in_random_order(
    labels: Int[np.ndarray, " n"], seed: int, preferred: Bool[np.ndarray, " n"] | None = None
) -> Int[np.ndarray, " n"]:
    """All rows in random order, but one of each class before the others: the first few hold them all.

    Args:
        labels: Class of each row.
        seed: Of the order.
        preferred: Rows that stand for their class, where it has some of them.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    candidates = order if preferred is None else order[np.argsort(~preferred[order], kind="stable")]
    _, first = np.unique(labels[candidates], return_index=True)
    ones = candidates[np.sort(first)]
    rows: np.ndarray = np.concatenate([ones, order[~np.isin(order, ones)]])
    return rows
