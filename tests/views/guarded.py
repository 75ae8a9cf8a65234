"""Renders random crops of images, and views, that lie hard against forbidden memory."""

import ctypes
import mmap

import numpy as np

from twofold.views import kernel

PAGE = mmap.PAGESIZE
CROPS = 1000
FORBIDDEN = 0
libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Memory between two pages that may neither be read nor written."""

    def __init__(self, pages: int) -> None:
        self.map = mmap.mmap(-1, (pages + 2) * PAGE)
        whole = np.frombuffer(self.map, np.uint8)
        self.free = whole[PAGE : (pages + 1) * PAGE]
        for start in (whole.ctypes.data, whole.ctypes.data + (pages + 1) * PAGE):
            if libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(PAGE), FORBIDDEN):
                raise OSError(ctypes.get_errno(), "mprotect")

    def array(self, shape: tuple[int, ...], dtype: type, at_the_end: bool) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self.free[len(self.free) - size :] if at_the_end else self.free[:size]
        return memory.view(dtype).reshape(shape)


def main() -> None:
    random = np.random.default_rng(0)
    inputs, outputs = Guarded(16), Guarded(32)
    for _ in range(CROPS):
        height, width = (int(n) for n in random.integers(1, 120, 2))
        channels = int(random.choice([1, 3]))
        tall, wide = int(random.integers(1, height + 1)), int(random.integers(1, width + 1))
        top, left = int(random.integers(0, height - tall + 1)), int(random.integers(0, width - wide + 1))
        side = int(random.integers(1, 60))
        half, planar, cubic, image_last, view_last = (bool(b) for b in random.integers(0, 2, 5))
        image = inputs.array((1, height, width, channels), np.uint8, image_last)
        image[:] = 255
        shape = (1, channels, side, side) if planar else (1, side, side, channels)
        view = outputs.array(shape, np.int16 if half else np.float32, view_last)
        box = np.array([[top, left, tall, wide]])
        kinds = random.permuted(np.arange(1, 8, dtype=np.int32))[None]
        amounts = np.full((1, 7), 0.7, np.float32)
        flip = random.integers(0, 2, 1).astype(bool)
        for level in range(len(kernel.levels())):
            kernel.library().render(level, image, box, flip, kinds, amounts, view, side, cubic, planar, half)


if __name__ == "__main__":
    main()
