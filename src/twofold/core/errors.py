"""Errors that are told to the user in one line."""

import difflib
from collections.abc import Iterable


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
