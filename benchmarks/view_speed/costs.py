"""Where the time of one of Twofold's views goes, beside what the machine could do at best."""

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from twofold.views.counter import Counter
from twofold.views.parameters import draw
from view_speed.arms import twofold
from view_speed.job import InOrder, Job
from view_speed.limits import best
from view_speed.recipe import Recipe

COLOUR_OPERATIONS = {"brightness": 9, "contrast": 17, "saturation": 20, "hue": 50}
"""Additions, products, minima and maxima a pixel."""

GRAY_OPERATIONS = 5
NEGLIGIBLE = 6.4  # sigmas, beyond which the weights of a blur are lost in float32


def costs(job: Job, recipe: Recipe, total: int, seconds_of: Callable[[Recipe], float]) -> dict[str, Any]:
    """Microseconds a view by part, and bytes and operations a view.

    Each operation is timed as what it adds to a recipe that only crops; so the parts add up to the whole
    roughly, not exactly.
    """
    whole, crop = seconds_of(recipe), seconds_of(recipe.only())
    parts = {"draws": _seconds_of_draws(job, recipe), "reading": _seconds_of_reading(job, total)}
    parts["crop"] = crop - parts["reading"] - _seconds_of_draws(job, recipe.only())
    for name in ("flip", "jitter", "gray", "blur"):
        if getattr(recipe, name):
            parts[name] = seconds_of(recipe.only(name)) - crop
    micro = {name: 1e6 * value for name, value in {"whole": whole, **parts}.items()}
    return {"microseconds": micro, **_work(job, recipe, total)}


def _seconds_of_draws(job: Job, recipe: Recipe) -> float:
    """The table of parameters by itself, which no renderer can do without."""
    spec = twofold.views(recipe).expanded[0]
    sizes = np.full((job.batch, 2), 256, dtype=np.int64)
    counter = Counter(0, 0, 0, np.arange(job.batch))
    return best(lambda: draw(spec, recipe.side, sizes, counter)) / job.batch


def _seconds_of_reading(job: Job, total: int) -> float:
    """Two views are made of what is read. The mean, because files differ."""
    batches = twofold.read(job, InOrder(total, job.batch))
    next(batches)
    start, count = time.perf_counter(), 20
    for _ in range(count):
        next(batches)
    return (time.perf_counter() - start) / (2 * job.batch * count)


def _work(job: Job, recipe: Recipe, total: int) -> dict[str, float]:
    """Bytes of the crop and of the view, and operations in the plainest exact form; means over many views."""
    maker, side = twofold.view_maker(recipe), recipe.side
    bytes_, resizing = [], []
    for items, pixels in islice(twofold.read(job, InOrder(total, job.batch)), 1 + 512 // job.batch):
        for view in maker(pixels, np.array(items), 0).views:
            wide = view.frame[:, 0, 0].abs().numpy() * side
            tall = view.frame[:, 1, 1].abs().numpy() * side
            bytes_.append(3 * wide * tall + 4 * 3 * side**2)
            across = tall * side * 3 * 2 * _taps(wide, side)
            down = side**2 * 3 * 2 * _taps(tall, side)
            resizing.append(across + down)
    blurring = 2 * 3 * 2 * min(recipe.kernel, 1 + NEGLIGIBLE * sum(recipe.sigma))
    pixel = recipe.jitter * sum(COLOUR_OPERATIONS.values()) + recipe.gray * GRAY_OPERATIONS
    pixel += recipe.blur * blurring
    operations = np.concatenate(resizing).mean() + side**2 * pixel
    return {"bytes": float(np.concatenate(bytes_).mean()), "operations": float(operations)}


def _taps(extent: np.ndarray, side: int) -> np.ndarray:
    """Pixels that count for one pixel of an antialiased bilinear resize."""
    return 2 * np.maximum(1, extent / side)
