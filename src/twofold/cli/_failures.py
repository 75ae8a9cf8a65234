"""What the machine did not give, in words: disk, memory, files, a compiler."""

import errno
from collections.abc import Iterator

from twofold.core.errors import is_out_of_memory

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def told(error: BaseException) -> str | None:
    """One sentence on what was lacking and what to do; None where it was none of these.

    Args:
        error: As it arrived; libraries wrap what the system said in errors of their own.
    """
    for cause in _causes(error):
        if is_out_of_memory(cause):
            return (
                "out of memory: give a smaller --batch-size, --view-size or --encoder, or end other programs"
            )
        if type(cause).__name__ == "InvalidCxxCompiler":  # torch is not imported to tell what failed
            return (
                "--compile needs a C++ compiler, and none works here: install one (g++), name one in CXX, "
                "or begin a run without --compile"
            )
        if sentence := _file(cause):
            return sentence
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those it was raised from or while handling, the outermost first."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        yield following
        seen.append(following)
        following = following.__cause__ or following.__context__


def _file(error: BaseException) -> str | None:
    if not isinstance(error, OSError) or error.errno is None:
        return None
    place = error.filename or "a file"
    if error.errno in _FULL:
        return f"no room left on the disk to write {place} ({error.strerror}): make room there"
    if error.errno in _FORBIDDEN:
        return f"{place} may not be written or read ({error.strerror}): see to its permissions"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{place} is gone: was it moved or removed meanwhile?"
    if error.errno == errno.EMFILE:
        return f"too many open files, {place} is one more: allow more (ulimit -n 4096)"
    return f"{place} fails ({error.strerror}): see to the disk or the network behind it"
