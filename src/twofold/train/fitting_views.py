"""Whether the views of a recipe are those that a method can take."""

from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.core.recipe import Recipe, ViewSpec
from twofold.views.ops.channels import Channels
from twofold.views.ops.patches import Patches


def check_views(name: str, method: type[Method], own: Recipe, recipe: Recipe) -> None:
    """Refuses views that a method was not made for.

    It takes as many global views as its own recipe has, more if it says so, each whole, in patches or in some
    of its colours as there; and small ones if it says so.

    Args:
        name: Of the method.
        method: What takes the views.
        own: The recipe that it would use.
        recipe: What is asked for.

    Raises:
        UsageError: If it cannot take them.
    """
    given = len(recipe.globals_)
    least = min(len(own.globals_), len(method.views.globals_)) if method.more_views else len(own.globals_)
    if given < least or (given > least and not method.more_views):
        more = " or more" if method.more_views else ""
        raise UsageError(
            f"{name} compares {least}{more} view{'s' * (least > 1)} of each image, "
            f"but recipe {recipe.name} has {given}; choose another --recipe"
        )
    local = len(recipe.expanded) - given
    if local and not (method.small_views or len(method.views.expanded) > len(method.views.globals_)):
        raise UsageError(f"{name} has no use for the {local} small crops of recipe {recipe.name}")
    for position in range(given):
        wanted = _form(own.expanded[own.globals_[min(position, len(own.globals_) - 1)]])
        found = _form(recipe.expanded[recipe.globals_[position]])
        if found != wanted:
            raise UsageError(
                f"{name} wants view {position + 1} of each image {wanted}, "
                f"but recipe {recipe.name} has it {found}"
            )


def _form(view: ViewSpec) -> str:
    kinds = {type(operation) for operation in view.operations}
    if Patches in kinds:
        return "in patches"
    return "in some of its colours" if Channels in kinds else "whole"
