"""What a core of this machine can do at best, by simple measures."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def limits() -> dict[str, float]:
    """Bytes a second of a large copy, read and written; operations a second of a large matrix product.

    A fused multiply-add counts as two operations.
    """
    import torch

    torch.set_num_threads(1)
    large = np.ones(1 << 28, np.uint8)
    copy = np.empty_like(large)
    matrix = torch.rand(1024, 1024)
    moved = 2 * large.nbytes / best(lambda: np.copyto(copy, large))
    return {"bytes": moved, "operations": 2 * 1024**3 / best(lambda: matrix @ matrix)}


def best(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of twenty times."""
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)
