"""The compiled renderer: whether it is there, and which instruction set it uses.

Two environment variables are read whenever views are made. ``TWOFOLD_KERNEL`` is ``auto`` (the kernel
where it was built, else torch), ``require`` (its absence is an error) or ``off`` (torch).
``TWOFOLD_KERNEL_LEVEL`` is ``plain``, ``avx2`` or ``avx512``; by default the best that the processor has.
"""

import logging
import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast, runtime_checkable

from twofold.core.errors import TwofoldError
from twofold.views.kernel.source import fingerprint

_CHOICES = ("auto", "require", "off")
_MEND = "run pip install again where a C++ compiler is installed"


class Level(NamedTuple):
    """An instruction set that the kernel was compiled for and the processor has."""

    number: int
    name: str


@runtime_checkable
class Library(Protocol):
    """The compiled module.

    Attributes:
        SOURCE: Fingerprint of what it was built from.
        levels: Names of the levels that this processor has, the fastest last.
        render: ``(level, images, boxes, flip, kinds, amounts, out, side, planar, half)``, see ``batch.hpp``.
            Raises ValueError where shapes, boxes or amounts do not fit, before anything is read or written.
    """

    SOURCE: str
    levels: Callable[[], list[str]]
    render: Callable[..., None]


def chosen() -> Level | None:
    """The level that views are rendered with; None where torch renders them.

    Raises:
        TwofoldError: If the kernel is required and missing, or a variable has another value than those above.
    """
    choice = os.environ.get("TWOFOLD_KERNEL", "auto")
    if choice not in _CHOICES:
        raise TwofoldError(f"TWOFOLD_KERNEL is {choice!r}; set it to one of {', '.join(_CHOICES)}")
    if choice == "off":
        return None
    fault = missing()
    if fault is None:
        return _level(os.environ.get("TWOFOLD_KERNEL_LEVEL"))
    if choice == "require":
        raise TwofoldError(f"TWOFOLD_KERNEL=require, but {fault}: {_MEND}, or unset TWOFOLD_KERNEL")
    _tell_once(fault)
    return None


def renderer() -> str:
    """What makes views in main memory: the name of a level, or ``torch``."""
    level = chosen()
    return level.name if level else "torch"


def levels() -> tuple[str, ...]:
    """Names of the levels that can be chosen here, the fastest last."""
    return () if missing() else tuple(library().levels())


@cache
def missing() -> str | None:
    """Why the kernel cannot be used; None if it can."""
    try:
        built_from = library().SOURCE
    except ImportError:
        return "the view kernel was not built"
    source = fingerprint(Path(__file__).parent)
    if source is None or source == built_from:
        return None
    return "the view kernel was built from other sources than those beside it"


def library() -> Library:
    """The compiled module."""
    return cast(Library, import_module("twofold.views.kernel._kernel"))


def _level(name: str | None) -> Level:
    names = levels()
    if name is None:
        return Level(len(names) - 1, names[-1])
    if name not in names:
        raise TwofoldError(f"TWOFOLD_KERNEL_LEVEL is {name!r}; this processor has {', '.join(names)}")
    return Level(names.index(name), name)


@cache
def _tell_once(fault: str) -> None:
    logging.getLogger(__name__).warning("%s; torch makes the views, more slowly: %s", fault, _MEND)
