"""Where decoded images are kept, and where named data sets are looked for."""

import os
from pathlib import Path

_HOME = "~/.cache/twofold"


def cache_root(cache: str | Path | None = None) -> Path:
    """``cache``, else ``$TWOFOLD_CACHE``, else ``~/.cache/twofold``."""
    return Path(cache or os.environ.get("TWOFOLD_CACHE") or _HOME).expanduser()


def data_root() -> Path:
    """``$TWOFOLD_DATA``, else ``~/.cache/twofold/datasets``."""
    return Path(os.environ.get("TWOFOLD_DATA") or f"{_HOME}/datasets").expanduser()
