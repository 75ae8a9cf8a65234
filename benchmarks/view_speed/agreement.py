"""Whether two libraries make views of the same distribution."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from view_speed.recipe import Recipe

Statistics = dict[str, tuple[float, float]]
"""Value and standard error by name."""

VISIBLE = 2.5 / 255
"""Bytes are rounded after each operation; a pixel that differs by less has not been changed on purpose."""

SIGMAS = 4.0
SLACK = {"mean": 0.005, "variance": 0.002, "share": 0.01}
"""Differences beyond chance that do not matter."""

RELATIVE_SLACK = {"detail": 0.05, "size": 0.05}


def statistics(
    batches: Callable[[Recipe], Iterator[Any]], recipe: Recipe, count: int, single: bool
) -> Statistics:
    """Means over views, of the whole recipe and, where pixels are given, of each operation by itself.

    Args:
        batches: Batches of pairs of views of a recipe, of images in a fixed order.
        recipe: The whole one.
        count: Batches that are looked at.
        single: Whether to take the operations apart.
    """
    found = _of_views("whole recipe", islice(batches(recipe), count))
    if not single:
        return found
    found |= _of_views("crop", islice(batches(recipe.only()), count))
    for name in ("flip", "jitter", "gray", "blur"):
        if getattr(recipe, name):
            plain = islice(batches(recipe.uncropped().only()), count)
            found |= _of_changes(name, batches(recipe.uncropped().only(name)), plain)
    return found


def differences(one: Statistics, other: Statistics) -> list[str]:
    """In words, where the first differs from the second beyond chance."""
    told = []
    for name, (value, error) in one.items():
        expected, its_error = other[name]
        kind = name.rpartition(" ")[2]
        slack = SLACK.get(kind, 0.0) + RELATIVE_SLACK.get(kind, 0.0) * abs(expected)
        if abs(value - expected) > SIGMAS * np.hypot(error, its_error) + slack:
            told.append(f"{name} {value:.3f}, not {expected:.3f}")
    return told


def _of_views(title: str, batches: Iterator[Any]) -> Statistics:
    means, variances, details = [], [], []
    for pair in batches:
        for views in map(np.asarray, pair):
            means.append(views.mean((2, 3)))
            variances.append(views.var((2, 3)).mean(1))
            details.append(np.abs(np.diff(views, axis=3)).mean((1, 2, 3)))
    colours = ("red", "green", "blue")
    found = {f"{title}: {c} mean": _mean([m[:, k] for m in means]) for k, c in enumerate(colours)}
    found[f"{title}: variance"] = _mean(variances)
    found[f"{title}: detail"] = _mean(details)
    return found


def _of_changes(name: str, batches: Iterator[Any], plain: Iterator[Any]) -> Statistics:
    """How many views an operation changes, and how much it changes them."""
    shares, sizes = [], []
    for untouched, pair in zip(plain, batches, strict=False):
        for before, after in zip(untouched, pair, strict=True):
            change = np.abs(np.asarray(after) - np.asarray(before))
            shares.append((change.max((1, 2, 3)) > VISIBLE).astype(np.float64))
            sizes.append(change.mean((1, 2, 3)))
    return {f"{name}: share": _mean(shares), f"{name}: size": _mean(sizes)}


def _mean(of_batches: list[np.ndarray]) -> tuple[float, float]:
    """Mean, and its error by chance of the draws alone: all libraries see the same images.

    Args:
        of_batches: For each batch the values of first views, then those of second views of the same images.
    """
    first, second = np.concatenate(of_batches[::2]), np.concatenate(of_batches[1::2])
    within = np.square(first - second).mean() / 2
    return float((first.mean() + second.mean()) / 2), float((within / (2 * len(first))) ** 0.5)
