"""Errors that are told to the user in one line."""

import difflib
import errno
from collections.abc import Iterable

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


class TwofoldError(Exception):
    """Something failed in a way the user can mend; the message says what, where and what to do."""


class UsageError(TwofoldError):
    """The command was not understood: exit status 2."""


class ToldElsewhere(Exception):  # noqa: N818 (what went wrong is its cause)
    """This process ends because of what another one tells the user, and says nothing itself."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as ``; did you mean 'simclr'?``, or an empty string where nothing is near."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory, as Python, the system or torch says it."""
    lacking = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    words = str(error).lower() if isinstance(error, RuntimeError) else ""
    return lacking or any(part in words for part in _NO_MEMORY)
