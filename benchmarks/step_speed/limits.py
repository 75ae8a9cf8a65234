"""What the processor multiplies at best."""

import time


def bf16_peak() -> float:
    """Operations a second of the fastest of twenty products of large bf16 matrices, all threads."""
    import torch

    matrix = torch.rand(4096, 4096).bfloat16()
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        matrix @ matrix
        taken.append(time.perf_counter() - start)
    return 2 * 4096**3 / min(taken)
