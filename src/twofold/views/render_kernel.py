"""Renders a table of parameters on a batch of images with the compiled kernel, on a CPU."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from os import getpid

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Shaped, UInt8
from torch import Tensor

from twofold.core.source import Pixels
from twofold.views.kernel import Level, library
from twofold.views.ops.blur import REFERENCE_SIDE, Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.jitter import AdditiveJitter, Jitter
from twofold.views.ops.solarize import Solarize
from twofold.views.parameters import Effect, ViewTable

KNOWN = (Jitter, AdditiveJitter, Gray, Blur, Solarize)
"""The operations that the kernel has."""

_NOTHING, _BRIGHTNESS, _CONTRAST, _SATURATION, _HUE, _GRAY, _BLUR, _SOLARIZE, _SHIFT = range(9)
_JITTER = np.array([_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE])
_ADDITIVE_JITTER = np.array([_SHIFT, _CONTRAST, _SATURATION, _HUE])

_CHUNKS_A_THREAD = 4
"""Some views take longer than others; smaller shares let the threads finish together."""

_SMALLEST_CHUNK = 8

Array = Shaped[np.ndarray, "b ..."]
Bytes = UInt8[np.ndarray, "b h w c"] | list[UInt8[np.ndarray, "_ _ c"]]
Steps = tuple[Int32[np.ndarray, "b steps"], Float32[np.ndarray, "b steps"]]


def render(
    images: Pixels,
    table: ViewTable,
    level: Level,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.channels_last,
) -> Float[Tensor, "b c side side"]:
    """One view of each image.

    Args:
        images: Colours in 0 to 255, in main memory.
        table: What was drawn for each of them; all its effects are ``KNOWN``.
        level: Instruction set.
        dtype: Of the pixels: float32, or bfloat16, to which they are rounded last.
        memory_format: Channels-last, or contiguous.

    Raises:
        ValueError: If a crop leaves its image, or images and table do not fit together.
    """
    shape = (len(table), images[0].shape[-1], table.side, table.side)
    pixels = torch.empty(shape, dtype=dtype, memory_format=memory_format)
    planar = memory_format == torch.contiguous_format
    half = dtype == torch.bfloat16
    cubic = table.interpolation == "bicubic"
    out = (pixels if planar else pixels.permute(0, 2, 3, 1)).view(torch.int16 if half else dtype).numpy()
    arrays = (np.ascontiguousarray(table.boxes), table.flip, *_steps(table), out)
    bytes_ = _to_bytes(images)

    def work(rows: slice) -> None:
        some = (array[rows] for array in arrays)
        library().render(level.number, bytes_[rows], *some, table.side, cubic, planar, half)

    _share_out(work, len(table))
    return pixels


def _to_bytes(images: Pixels) -> Bytes:
    if isinstance(images, Tensor):
        return np.ascontiguousarray(images.numpy())
    return [np.ascontiguousarray(image.numpy()) for image in images]


def _steps(table: ViewTable) -> Steps:
    """The effects of each view as kinds and amounts, in the order in which they are applied."""
    columns = [_expanded(effect, table.side) for effect in table.effects]
    if not columns:
        return np.zeros((len(table), 0), np.int32), np.zeros((len(table), 0), np.float32)
    kinds = [
        np.where(effect.chosen[:, None], kind, _NOTHING)
        for effect, (kind, _) in zip(table.effects, columns, strict=True)
    ]
    amounts = [amount for _, amount in columns]
    return np.concatenate(kinds, 1, dtype=np.int32), np.concatenate(amounts, 1, dtype=np.float32)


def _expanded(effect: Effect, side: int) -> tuple[Shaped[np.ndarray, "_ n"], Shaped[np.ndarray, "b n"]]:
    values = effect.values
    match effect.operation:
        case Jitter() | AdditiveJitter():
            steps = _JITTER if isinstance(effect.operation, Jitter) else _ADDITIVE_JITTER
            amounts = np.stack([values[name] for name in ("brightness", "contrast", "saturation", "hue")], 1)
            return steps[values["order"]], np.take_along_axis(amounts, values["order"], 1)
        case Blur():
            return np.array([[_BLUR]]), values["sigma"][:, None] * (side / REFERENCE_SIDE)
        case Solarize(threshold=threshold):
            return np.array([[_SOLARIZE]]), np.full((len(effect.chosen), 1), threshold)
        case Gray():
            return np.array([[_GRAY]]), np.zeros((len(effect.chosen), 1))
    raise TypeError(f"the kernel knows no {type(effect.operation).__name__}")


def _share_out(work: Callable[[slice], None], total: int) -> None:
    """Lets the threads that torch would use work on shares of the rows."""
    threads = torch.get_num_threads()
    if threads == 1:
        work(slice(0, total))
        return
    size = max(_SMALLEST_CHUNK, -(-total // (threads * _CHUNKS_A_THREAD)))
    chunks = [slice(start, start + size) for start in range(0, total, size)]
    for _ in _pool(getpid(), threads).map(work, chunks):
        pass


@cache
def _pool(_process: int, threads: int) -> ThreadPoolExecutor:
    """Kept from batch to batch; a forked process has lost its parent's threads and takes its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix="views")
