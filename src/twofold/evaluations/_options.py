"""Refuses options of a protocol that would judge nothing, or wrongly."""

from collections.abc import Callable, Sequence
from typing import Any

from twofold.core.errors import UsageError


def at_least(least: int, protocol: Any, *names: str) -> None:
    """Refuses what is below, in lists, too; None may stand for all that there is.

    Raises:
        UsageError: If one is.
    """
    _check(protocol, names, lambda value: value >= least, f"{least} or more")


def above_zero(protocol: Any, *names: str) -> None:
    """Refuses 0 and below.

    Raises:
        UsageError: If one is.
    """
    _check(protocol, names, lambda value: value > 0, "above 0")


def some(protocol: Any, *names: str) -> None:
    """Refuses empty lists.

    Raises:
        UsageError: If one is.
    """
    for name in names:
        if not getattr(protocol, name):
            raise UsageError(f"{called(protocol)}: {name} is empty: give one at least")


def _check(protocol: Any, names: tuple[str, ...], right: Callable[[float], bool], wanted: str) -> None:
    for name in names:
        told = getattr(protocol, name)
        for value in told if isinstance(told, Sequence) else (told,):
            if value is not None and not right(value):  # no comparison with nan is right
                raise UsageError(f"{called(protocol)}: {name} {value:g}: it is {wanted}")


def called(protocol: Any) -> str:
    """Its name on the command line."""
    return type(protocol).__module__.rpartition(".")[2]
