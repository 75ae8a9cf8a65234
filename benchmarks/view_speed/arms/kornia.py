"""kornia on batches of float tensors; photographs of many sizes are cropped one by one before."""

from collections.abc import Iterator
from typing import Any

import torch
from kornia import augmentation as k
from kornia.io import ImageLoadType, load_image

from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "kornia"


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    crop = k.RandomResizedCrop((recipe.side, recipe.side), scale=recipe.scale, ratio=recipe.ratio)
    colour = torch.nn.Sequential(
        k.RandomHorizontalFlip(p=recipe.flip),
        k.ColorJitter(*recipe.strength, p=recipe.jitter),
        k.RandomGrayscale(p=recipe.gray),
        k.RandomGaussianBlur((recipe.kernel, recipe.kernel), recipe.sigma, p=recipe.blur),
    )
    with torch.no_grad():
        if job.files is None:
            images = torch.from_numpy(job.images())
            for items in order:
                some = images[items].permute(0, 3, 1, 2).to(torch.float32).div_(255)
                yield colour(crop(some)), colour(crop(some))
        paths = job.paths() if job.files else []
        for items in order:
            single = [load_image(paths[item], ImageLoadType.RGB32)[None] for item in items]
            yield tuple(colour(torch.cat([crop(image) for image in single])) for _ in range(2))
