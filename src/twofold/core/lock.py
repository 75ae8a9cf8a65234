"""A folder that one process has to itself."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from twofold.core.errors import TwofoldError

_NAME = ".lock"
_CANNOT = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF})
"""What file systems say that know no locks."""
_PAUSE = 0.02
"""Seconds between two looks at a lock that another process has."""


@contextmanager
def locked(folder: Path, tell: Callable[[str], None], *, patience: float = 0.0) -> Iterator[None]:
    """Keeps other processes out of a folder for the length of the block.

    The system itself takes the lock back when the process ends, in whatever way: a killed process locks
    nobody out. Where the system or the file system knows no such locks, that is told, and nobody is kept out.

    Args:
        folder: What is locked, by a file ``.lock`` in it.
        tell: Is told where it cannot be locked.
        patience: Seconds to wait for another process that has it.

    Raises:
        TwofoldError: If another process has it.
    """
    with (folder / _NAME).open("a") as file:
        try:
            _take(file, patience)
        except BlockingIOError:
            raise TwofoldError(
                f"another process is training in {folder}, or writing its scores: wait for it, or stop it "
                "(Ctrl-C there, or kill); a training can then be resumed"
            ) from None
        except ImportError:  # Windows
            tell(_unlocked(folder))
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            tell(_unlocked(folder))
        yield


def _take(file: IO[str], patience: float) -> None:
    import fcntl

    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
        time.sleep(_PAUSE)


def _unlocked(folder: Path) -> str:
    return f"{folder} cannot be locked here: see to it that no second process trains in it"
