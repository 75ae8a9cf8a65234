"""Threads of one process: the only user of threadpoolctl."""

from contextlib import AbstractContextManager

import torch
from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Within it, torch's operations of the calling thread use one core; other threads keep theirs.

    Several threads may be in it at once: OpenMP counts for each thread by itself, while libraries that count
    for the process, as numpy's, would keep what the last one to leave had found. ``torch.set_num_threads`` is
    for the start of a process only: it empties caches that other threads may be using.
    """
    torch.get_num_threads()  # torch sets a thread's count at its first use
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="openmp")
    return limits
