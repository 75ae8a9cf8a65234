"""Parts of a method that do not learn."""

from collections.abc import Iterable

from twofold.core.errors import UsageError, nearest
from twofold.core.method import Method
from twofold.nn.groups import moving


def freeze(method: Method, names: Iterable[str]) -> None:
    """Leaves the weights of some parts as they are: no gradient is taken for them.

    A teacher's copies of them are and stay equal to them. Running statistics of batch norms still follow.

    Args:
        method: After ``setup``; its parts are what it consists of, by the names of its attributes.
        names: Of the parts.

    Raises:
        UsageError: If there is no such part, or nothing is left that learns.
    """
    learning = [name for name, part in method.named_children() if moving(part)]
    for name in names:
        if name not in learning:
            hint = nearest(name, learning)
            raise UsageError(f"no part '{name}' learns here{hint}; --freeze takes: {', '.join(learning)}")
        method.get_submodule(name).requires_grad_(False)
    if not moving(method):
        raise UsageError("--freeze leaves nothing that learns")
