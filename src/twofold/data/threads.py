"""How many threads decode: the decoders release the interpreter's lock."""

from twofold.core.processes import usable_cores


def worker_count() -> int:
    """One a core that this process may use, 32 at most."""
    return min(32, usable_cores())
