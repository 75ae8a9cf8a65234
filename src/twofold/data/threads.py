"""How many threads decode: the decoders release the interpreter's lock."""

import os


def worker_count() -> int:
    """One a core that this process may use, 32 at most."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(32, len(allowed))
