"""A folder that one process has to itself."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from twofold.core.errors import TwofoldError

_NAME = ".lock"
_CANNOT = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF})
"""What file systems say that know no locks."""


@contextmanager
def locked(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Keeps other processes out of a folder for the length of the block.

    The system itself takes the lock back when the process ends, in whatever way: a killed process locks
    nobody out. Where the system or the file system knows no such locks, that is told, and nobody is kept out.

    Args:
        folder: What is locked, by a file ``.lock`` in it.
        tell: Is told where it cannot be locked.

    Raises:
        TwofoldError: If another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        tell(_unlocked(folder))
        yield
        return
    with (folder / _NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TwofoldError(
                f"another process is training in {folder}: wait for it, or stop it (Ctrl-C there, or kill); "
                "it can then be resumed"
            ) from None
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            tell(_unlocked(folder))
        yield


def _unlocked(folder: Path) -> str:
    return f"{folder} cannot be locked here: see to it that no second process trains in it"
