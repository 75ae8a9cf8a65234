"""NVIDIA DALI's CPU operators."""

from collections.abc import Iterator
from typing import Any

from nvidia.dali import fn, pipeline_def, types

from view_speed.job import Job, Order
from view_speed.recipe import Recipe

PACKAGE = "nvidia-dali-cuda120"
DEPARTS = (
    "its colour jitter is one matrix: brightness, contrast around mid-gray, saturation and hue in one fixed "
    "order and without clipping in between, being gray a part of the saturation; the fast way, and another "
    "augmentation than that of all others"
)


def batches(job: Job, recipe: Recipe, order: Order) -> Iterator[Any]:
    several = len(job.cores) > 1
    settings = {"exec_async": several, "exec_pipelined": several, "prefetch_queue_depth": 2 if several else 1}
    pipeline = _pipeline(
        job, recipe, order, batch_size=job.batch, num_threads=len(job.cores), device_id=None, **settings
    )
    pipeline.build()
    while True:
        yield tuple(views.as_tensor() for views in pipeline.run())


@pipeline_def(enable_conditionals=True)
def _pipeline(job: Job, recipe: Recipe, order: Order) -> Any:
    images = _images(job, order)
    return _view(images, recipe), _view(images, recipe)


def _images(job: Job, order: Order) -> Any:
    if job.files is None:
        pixels = job.images()
        return fn.external_source(source=(pixels[items] for items in order), layout="HWC")
    files, _ = fn.readers.file(files=job.paths(), random_shuffle=True)
    return fn.decoders.image(files, device="cpu", output_type=types.RGB)


def _view(images: Any, recipe: Recipe) -> Any:
    brightness, contrast, saturation, hue = recipe.strength
    pixels = fn.random_resized_crop(
        images,
        size=[recipe.side, recipe.side],
        random_area=list(recipe.scale),
        random_aspect_ratio=list(recipe.ratio),
    )
    changed = fn.random.coin_flip(probability=recipe.jitter)
    coloured = 1 - fn.random.coin_flip(probability=recipe.gray)
    pixels = fn.color_twist(
        pixels,
        brightness=1 + changed * _around(brightness),
        contrast=1 + changed * _around(contrast),
        saturation=coloured * (1 + changed * _around(saturation)),
        hue=changed * _around(360 * hue),
    )
    if recipe.blur:
        blurred = fn.random.coin_flip(probability=recipe.blur, dtype=types.BOOL)
        if blurred:
            sigma = fn.random.uniform(range=list(recipe.sigma))
            pixels = fn.gaussian_blur(pixels, sigma=sigma, window_size=recipe.kernel)
    return fn.crop_mirror_normalize(
        pixels,
        mirror=fn.random.coin_flip(probability=recipe.flip),
        dtype=types.FLOAT,
        output_layout="CHW",
        mean=[0.0] * 3,
        std=[255.0] * 3,
    )


def _around(reach: float) -> Any:
    return fn.random.uniform(range=[-reach, reach])
