"""albumentations on OpenCV's arrays."""

from collections.abc import Iterator
from typing import Any

import albumentations as a
import cv2
from albumentations.pytorch import ToTensorV2

from view_speed import per_image
from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "albumentations"


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    cv2.setNumThreads(0)
    brightness, contrast, saturation, hue = recipe.strength
    jitter = a.ColorJitter(
        brightness=(1 - brightness, 1 + brightness),
        contrast=(1 - contrast, 1 + contrast),
        saturation=(1 - saturation, 1 + saturation),
        hue=(-hue, hue),
        p=recipe.jitter,
    )
    steps = [
        a.RandomResizedCrop(size=(recipe.side, recipe.side), scale=recipe.scale, ratio=recipe.ratio),
        a.HorizontalFlip(p=recipe.flip),
        jitter,
        a.ToGray(p=recipe.gray),
        a.GaussianBlur(blur_limit=(recipe.kernel,) * 2, sigma_limit=recipe.sigma, p=recipe.blur),
        a.ToFloat(max_value=255.0),
        ToTensorV2(),
    ]
    composed = a.Compose(steps)
    return per_image.batches(reader(job), lambda image: composed(image=image)["image"], job, order)


def reader(job: Job) -> Any:
    if job.files is None:
        images = job.images()
        return lambda item: images[item]
    paths = job.paths()
    return lambda item: cv2.cvtColor(cv2.imread(paths[item], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
