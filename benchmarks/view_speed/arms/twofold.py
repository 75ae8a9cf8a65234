"""Twofold's ViewMaker, given batches of bytes as the training gives them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch

from twofold.core.recipe import Crop, ViewSpec
from twofold.core.recipe import Recipe as Views
from twofold.views.maker import ViewMaker
from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import Jitter
from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "twofold"

if os.environ.get("TWOFOLD_KERNEL") == "require" and find_spec("twofold.views.kernel") is None:
    raise ImportError("this tree has no native kernel")


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    maker = view_maker(recipe)
    total = len(job.images() if job.files is None else job.paths())
    an_epoch = max(1, total // job.batch)
    for number, (items, pixels) in enumerate(read(job, order)):
        yield tuple(view.pixels for view in maker(pixels, np.array(items), number // an_epoch).views)


def view_maker(recipe: Recipe) -> ViewMaker:
    return ViewMaker(views(recipe), seed=0, view_size=recipe.side, channels=3)


def views(recipe: Recipe) -> Views:
    """Sigma is Twofold's own, in pixels of a side of 224."""
    steps = [
        Flip(recipe.flip),
        Jitter(*recipe.strength, p=recipe.jitter),
        Gray(recipe.gray),
        Blur(recipe.blur),
    ]
    kept = tuple(step for step in steps if step.p)
    return Views("C", (ViewSpec(Crop(recipe.scale, recipe.ratio), kept, count=2),))


def read(job: Job, order: Order) -> Iterator[tuple[list[int], Any]]:
    if job.files is None:
        images = job.images()
        for items in order:
            yield items, torch.from_numpy(images[items])
    paths = job.paths() if job.files else []
    with ThreadPoolExecutor(len(job.cores)) as threads:
        for items in order:
            yield items, list(threads.map(decoded, [paths[item] for item in items]))


def decoded(path: str) -> torch.Tensor:
    return torch.from_numpy(simplejpeg.decode_jpeg(Path(path).read_bytes()))
