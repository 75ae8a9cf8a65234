"""torchvision's transforms v2 on tensors of bytes, the fast way of its documentation."""

from collections.abc import Iterator
from typing import Any

import torch
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

from view_speed import per_image
from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "torchvision"


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    view = v2.Compose(
        [
            v2.RandomResizedCrop(recipe.side, scale=recipe.scale, ratio=recipe.ratio, antialias=True),
            v2.RandomHorizontalFlip(recipe.flip),
            v2.RandomApply([v2.ColorJitter(*recipe.strength)], p=recipe.jitter),
            v2.RandomGrayscale(recipe.gray),
            v2.RandomApply([v2.GaussianBlur(recipe.kernel, recipe.sigma)], p=recipe.blur),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return per_image.batches(reader(job), view, job, order)


def reader(job: Job) -> Any:
    if job.files is None:
        images = torch.from_numpy(job.images()).permute(0, 3, 1, 2)
        return lambda item: images[item]
    paths = job.paths()
    return lambda item: decode_image(paths[item], ImageReadMode.RGB)
