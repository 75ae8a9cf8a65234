"""lightly's SimCLRTransform, on Pillow's images as its data sets give them."""

from collections.abc import Iterator
from typing import Any

from lightly.transforms import SimCLRViewTransform
from PIL import Image

from view_speed import per_image
from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "lightly"


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    brightness, contrast, saturation, hue = recipe.strength
    view = SimCLRViewTransform(
        input_size=recipe.side,
        min_scale=recipe.scale[0],
        hf_prob=recipe.flip,
        cj_prob=recipe.jitter,
        cj_bright=brightness,
        cj_contrast=contrast,
        cj_sat=saturation,
        cj_hue=hue,
        random_gray_scale=recipe.gray,
        gaussian_blur=recipe.blur,
        sigmas=recipe.sigma,
        normalize=None,
    )
    return per_image.batches(reader(job), view, job, order)


def reader(job: Job) -> Any:
    if job.files is None:
        images = job.images()
        return lambda item: Image.fromarray(images[item])
    paths = job.paths()
    return lambda item: Image.open(paths[item]).convert("RGB")
