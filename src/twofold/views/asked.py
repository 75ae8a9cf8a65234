"""The recipe that a user asks for: by name, by a name with changes, or whole."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from twofold.core.errors import UsageError, nearest
from twofold.core.recipe import Recipe, ViewSpec
from twofold.views import pretext_recipes, recipes
from twofold.views.plain import from_json, make, operation_named, to_json, tuples
from twofold.views.recipes import for_size


def asked(what: str | Mapping[str, Any], view_size: int, own: Recipe | None = None) -> Recipe:
    """Reads what a YAML file or a flag says about the views.

    A name is that of a recipe, or of a function that makes one, in ``recipes`` and ``pretext_recipes``. Where
    a function changes a ``base`` and none is named, it is the method's own recipe::

        recipe: D
        recipe: multi_crop

    With ``base``, the arguments of a function may be given, and operations changed in all views that have
    them, removed (null), or, where no view has them, added at the end. ``crop`` changes the crops of the
    global views::

        recipe:
          base: multi_crop
          arguments: {base: B, local_count: 4}
          change: {crop: {scale: [0.3, 1]}, Jitter: {hue: 0.2}, Gray: null, Solarize: {p: 0.1}}

    With ``views``, it is a whole recipe as in a run's ``spec.json``; what is left out has its default::

        recipe:
          name: mine
          views:
            - {crop: {scale: [0.2, 1]}, operations: [{Flip: {}}, {Blur: {p: 0.5}}], count: 2}

    Args:
        what: As above.
        view_size: Of the run, in pixels: a recipe that is named is fitted to it, before any change.
        own: The method's.

    Raises:
        UsageError: If a name in it is wrong; the message carries the nearest one. Or if it is none at all.
    """
    try:
        return from_json(to_json(_read(what, view_size, own)))  # every value is of its type, whoever made it
    except (TypeError, AttributeError, ValueError, KeyError, OverflowError) as error:
        raise UsageError(f"the recipe has something where it does not belong ({error})") from error


def _read(what: str | Mapping[str, Any], view_size: int, own: Recipe | None) -> Recipe:
    if isinstance(what, str):
        return for_size(_named(what, {}, own), view_size)
    if "views" in what:
        return from_json(what)
    for key in what:
        if key not in ("base", "arguments", "change", "name"):
            known = ("base", "arguments", "change", "name", "views")
            raise UsageError(f"a recipe has no '{key}'{nearest(key, known)} (it has: {', '.join(known)})")
    if "base" not in what:
        raise UsageError("a recipe needs 'base', the name of another, or 'views'")
    recipe = for_size(_named(str(what["base"]), what.get("arguments") or {}, own), view_size)
    changed = recipe
    for name, fields in (what.get("change") or {}).items():
        changed = _changed(changed, name, fields)
    name = recipe.name if changed == recipe else f"{recipe.name} changed"
    return dataclasses.replace(changed, name=str(what.get("name", name)))


@cache
def known() -> dict[str, Recipe | Callable[..., Recipe]]:
    """All recipes by name, and the functions that make one of plain data and perhaps of a ``base``."""
    members = {**vars(recipes), **vars(pretext_recipes)}
    return {name: each for name, each in members.items() if isinstance(each, Recipe) or _makes_one(each)}


def _makes_one(member: Any) -> bool:
    if not inspect.isfunction(member) or inspect.signature(member).return_annotation is not Recipe:
        return False
    parameters = inspect.signature(member).parameters.values()
    return all(p.name == "base" or "twofold" not in str(p.annotation) for p in parameters)


def _named(name: str, arguments: Mapping[str, Any], own: Recipe | None) -> Recipe:
    if name not in known():
        raise UsageError(
            f"no recipe is called '{name}'{nearest(name, known())} (there are: {', '.join(known())})"
        )
    found = known()[name]
    if isinstance(found, Recipe):
        if arguments:
            raise UsageError(f"recipe {name} takes no arguments: use 'change' to change it")
        return found
    parameters = inspect.signature(found).parameters
    for argument in arguments:
        if argument not in parameters:
            raise UsageError(f"recipe {name} has no argument '{argument}'{nearest(argument, parameters)}")
    given = {key: tuples(value) for key, value in arguments.items()}
    if "base" in given:
        given["base"] = _named(str(given["base"]), {}, own)
    elif "base" in parameters and own is not None:
        given["base"] = own
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        raise UsageError(f"recipe {name} needs arguments: {', '.join(missing)}")
    return found(**given)


def _changed(recipe: Recipe, name: str, fields: Mapping[str, Any] | None) -> Recipe:
    if name == "crop":
        return _each_view(recipe, partial(_recropped, fields=fields or {}))
    kind = operation_named(name)
    if fields is None:
        return recipe.without(kind)
    if any(isinstance(o, kind) for view in recipe.views for o in view.operations):
        return recipe.each(lambda o: _updated(o, fields) if isinstance(o, kind) else o)
    added = make(kind, fields)
    return _each_view(recipe, lambda view: dataclasses.replace(view, operations=(*view.operations, added)))


def _recropped(view: ViewSpec, fields: Mapping[str, Any]) -> ViewSpec:
    return view if view.local else dataclasses.replace(view, crop=_updated(view.crop, fields))


def _updated(part: Any, fields: Mapping[str, Any]) -> Any:
    now = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    return make(type(part), {**now, **fields})


def _each_view(recipe: Recipe, change: Callable[[ViewSpec], ViewSpec]) -> Recipe:
    return dataclasses.replace(recipe, views=tuple(map(change, recipe.views)))
