"""Recipes as plain data: what a run's spec holds and what a YAML file may say."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from twofold.core.errors import UsageError, nearest
from twofold.core.recipe import Crop, Recipe, ViewSpec
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
    named = [{each: {}} if isinstance(each, str) else each for each in plain.get("operations", ())]
    operations = tuple(
        make(operation_named(name), fields or {}) for each in named for name, fields in each.items()
    )
    crop = make(Crop, plain.get("crop") or {})
    return cast(ViewSpec, make(ViewSpec, {**plain, "crop": crop, "operations": operations}))


def make(kind: type, fields: Mapping[str, Any]) -> Any:
    """An instance of the dataclass; lists become tuples.

    Raises:
        UsageError: If it has no such field, lacks one, or a value is not of its type.
    """
    _known(fields, {f.name for f in dataclasses.fields(kind)}, kind.__name__)
    hints, given = get_type_hints(kind), {}
    for name, value in fields.items():
        try:
            given[name] = _read(value, hints[name])
        except ValueError:
            wanted = getattr(hints[name], "__name__", None) if isinstance(hints[name], type) else None
            text = f"{kind.__name__} cannot have {name} {value!r}: it has to be {wanted or hints[name]}"
            raise UsageError(text.replace("typing.", "")) from None
    missing = [f.name for f in dataclasses.fields(kind) if f.default is MISSING and f.name not in given]
    if missing:
        raise UsageError(f"{kind.__name__} needs {', '.join(missing)}")
    return kind(**given)


def _read(value: Any, hint: Any) -> Any:
    """The value as the field's type has it: whole numbers where floats are wanted become floats.

    Raises:
        ValueError: If it is no such value.
    """
    parts = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        for part in parts:
            with suppress(ValueError):
                return _read(value, part)
    elif get_origin(hint) is tuple and isinstance(value, list | tuple):
        wanted = parts[:1] * len(value) if Ellipsis in parts else parts
        return tuple(_read(one, part) for one, part in zip(value, wanted, strict=True))
    elif get_origin(hint) is Literal:
        if value in parts:
            return value
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif get_origin(hint) is None and isinstance(value, hint) and (hint is bool or type(value) is not bool):
        return value
    raise ValueError


def operation_named(name: str) -> type:
    """The class of this name in the files of ``views/ops``.

    Raises:
        UsageError: If there is none; the message carries the nearest.
    """
    if name not in operations():
        raise UsageError(f"no view operation is called '{name}'{nearest(name, operations())}")
    return operations()[name]


@cache
def operations() -> dict[str, type]:
    """All operations by name: a name is the name of a class, and no list is kept."""
    found: dict[str, type] = {}
    for file in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"{ops.__name__}.{file.name}")
        for name, member in vars(module).items():
            own = inspect.isclass(member) and member.__module__ == module.__name__
            if own and hasattr(member, "draw") and hasattr(member, "apply"):
                found[name] = member
    return found


def tuples(value: Any) -> Any:
    """Lists, also inside each other, as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value


def _known(given: Mapping[str, Any], known: set[str], owner: str) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"{owner} has no field '{name}'{nearest(name, known)}")
