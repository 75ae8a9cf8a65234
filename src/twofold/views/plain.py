"""Recipes as plain data: what a run's spec holds and what a YAML file may say."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from twofold.core.errors import UsageError, nearest
from twofold.core.recipe import Crop, Operation, Recipe, ViewSpec
from twofold.views import ops


def to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data for a run's spec; an operation is ``{"Jitter": {...}}``."""
    views = []
    for view in recipe.views:
        plain = {f.name: getattr(view, f.name) for f in dataclasses.fields(view)}
        plain["crop"] = dataclasses.asdict(view.crop)
        plain["operations"] = [{type(o).__name__: dataclasses.asdict(cast(Any, o))} for o in view.operations]
        views.append(plain)
    return {"name": recipe.name, "views": json.loads(json.dumps(views))}


def from_json(plain: Mapping[str, Any]) -> Recipe:
    """The recipe that ``to_json`` described. What is left out has its default.

    Raises:
        UsageError: If a name in it is wrong; the message carries the nearest one.
    """
    _known(plain, {"name", "views"}, "a recipe")
    return Recipe(str(plain.get("name", "own")), tuple(map(_view, plain["views"])))


def _view(plain: Mapping[str, Any]) -> ViewSpec:
    operations = [
        make(operation_named(name), fields or {})
        for each in plain.get("operations", ())
        for name, fields in each.items()
    ]
    crop = make(Crop, plain.get("crop") or {})
    return cast(ViewSpec, make(ViewSpec, {**plain, "crop": crop, "operations": operations}))


def make(kind: type, fields: Mapping[str, Any]) -> Any:
    """An instance of the dataclass; lists become tuples.

    Raises:
        UsageError: If it has no such field, or lacks one.
    """
    _known(fields, {f.name for f in dataclasses.fields(kind)}, kind.__name__)
    try:
        return kind(**{name: _tuples(value) for name, value in fields.items()})
    except TypeError as error:
        raise UsageError(f"{kind.__name__}: {str(error).partition(') ')[2] or error}") from None


def operation_named(name: str) -> type[Operation]:
    """The class of this name in the files of ``views/ops``.

    Raises:
        UsageError: If there is none; the message carries the nearest.
    """
    if name not in operations():
        raise UsageError(f"no view operation is called '{name}'{nearest(name, operations())}")
    return operations()[name]


@cache
def operations() -> dict[str, type[Operation]]:
    """All operations by name: a name is the name of a class, and no list is kept."""
    found: dict[str, type[Operation]] = {}
    for file in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"{ops.__name__}.{file.name}")
        for name, member in vars(module).items():
            own = inspect.isclass(member) and member.__module__ == module.__name__
            if own and hasattr(member, "draw") and hasattr(member, "apply"):
                found[name] = member
    return found


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _known(given: Mapping[str, Any], known: set[str], owner: str) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"{owner} has no field '{name}'{nearest(name, known)}")
