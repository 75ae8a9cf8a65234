"""A name is a file name.

``find("methods", "simclr")`` imports ``twofold.methods.simclr`` and returns the one public class it
defines. Nothing is registered anywhere: a new file is found because it is there. Other packages add
names by entry points in the groups ``twofold.methods``, ``twofold.evaluations``, ``twofold.studies``
and ``twofold.data``, whose value is the class itself.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from twofold.core.errors import UsageError, nearest

_PACKAGES = {
    "methods": "twofold.methods",
    "evaluations": "twofold.evaluations",
    "studies": "twofold.studies",
    "data": "twofold.data.sources",
}


def names(kind: str) -> list[str]:
    """All names of a kind, sorted, without importing any of them."""
    return sorted({*_files(kind), *_foreign(kind)})


def find(kind: str, name: str) -> Any:
    """The class that the file ``name`` of this kind defines.

    Raises:
        UsageError: If there is no such name; the message carries the nearest one.
    """
    if name in _files(kind):
        return _only_class(importlib.import_module(f"{_PACKAGES[kind]}.{name}"))
    if name in _foreign(kind):
        return _foreign(kind)[name].load()
    raise UsageError(
        f"no {kind.removesuffix('s')} is called '{name}'{nearest(name, names(kind))} "
        f"(see: twofold list {kind})"
    )


def summary(kind: str, name: str) -> str:
    """First line of the docstring of ``name``."""
    return (inspect.getdoc(find(kind, name)) or "").partition("\n")[0]


@cache
def _files(kind: str) -> frozenset[str]:
    spec = importlib.util.find_spec(_PACKAGES[kind])
    assert spec is not None and spec.submodule_search_locations is not None
    found = pkgutil.iter_modules(list(spec.submodule_search_locations))
    return frozenset(m.name for m in found if not m.name.startswith("_"))


@cache
def _foreign(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"twofold.{kind}")}


def _only_class(module: Any) -> Any:
    classes = [
        member
        for name, member in vars(module).items()
        if inspect.isclass(member) and member.__module__ == module.__name__ and name[0] != "_"
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} must define exactly one public class, not {len(classes)}")
    return classes[0]
