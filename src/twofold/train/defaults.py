"""What is chosen where the user says nothing: by image size, number of images and machine."""

from dataclasses import dataclass

from twofold.core.source import Source
from twofold.data.splits import pretraining_images


@dataclass(frozen=True)
class Defaults:
    """Resolved choices.

    Args:
        encoder: Name of the architecture.
        size: Side in pixels at which images are embedded and judged.
        view_size: Side of a global training view in pixels.
        batch_size: Images a step.
        preset: Which of the method's presets.
        minutes: Length of the training, where ``epochs`` is None.
        epochs: Length of the training on a machine with an accelerator.
    """

    encoder: str
    size: int
    view_size: int
    batch_size: int
    preset: str
    minutes: float | None
    epochs: float | None


SMALL_MACHINE_MINUTES = 10.0


def choose(source: Source, *, accelerator: bool, size: int | None = None) -> Defaults:
    """Defaults for this data on this kind of machine.

    Args:
        source: The data.
        accelerator: Whether there is a GPU.
        size: The side the user asked for, in pixels.
    """
    images = len(pretraining_images(source))
    size = size or _size(source.size, accelerator)
    small = size <= 64
    if accelerator:
        return Defaults(
            encoder="resnet18" if small else "resnet50",
            size=size,
            view_size=size,
            batch_size=fitting_batch(images, 512 if small else 256),
            preset="cifar10" if small else "imagenet",
            minutes=None,
            epochs=200.0,
        )
    return Defaults(
        encoder="resnet18_w16" if small else "resnet18_w32",
        size=size,
        view_size=24 if size == 32 else size,
        batch_size=fitting_batch(images, 256),
        preset="small",
        minutes=SMALL_MACHINE_MINUTES,
        epochs=None,
    )


def _size(native: int, accelerator: bool) -> int:
    """Images stay as they are up to 64 pixels; larger ones get the machine's usual side."""
    if native <= 64:
        return max(native, 16)
    return 224 if accelerator else 96


def fitting_batch(images: int, largest: int) -> int:
    """At least eight batches an epoch where that leaves 16 images a batch."""
    batch = largest
    while batch > 16 and batch * 8 > images:
        batch //= 2
    return max(2, min(batch, images))
