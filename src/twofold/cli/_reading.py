"""How image files are read: options that commands share, and what runs remember of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_USUAL_VIEW = 224


def add_reading(parser: "ArgumentParser") -> None:
    """``--store-size`` and ``--range``."""
    parser.add_argument("--store-size", type=int, help="short side of the decoded images in pixels")
    parser.add_argument("--range", type=str, help="LOW:HIGH: black and white in images of more than 8 bits")


def as_typed(args: "Namespace", *sides: int | None) -> dict[str, Any]:
    """Keywords of ``open_source`` that say how files are read.

    Args:
        args: With what ``add_reading`` added.
        sides: Of the views that will be made, in pixels. Images are decoded large enough for the largest, but
            never smaller than usual: views show parts of images, and all commands share one store.
    """
    largest = max((side for side in sides if side), default=0)
    return {
        "size": largest if largest > _USUAL_VIEW else None,
        "store_size": args.store_size,
        "value_range": args.range,
    }


def as_typed_or_trained(args: "Namespace", subjects: Iterable[str]) -> dict[str, Any]:
    """As ``as_typed``; what was not typed is as the subjects that are runs remember it, where they agree."""
    from twofold.core.run import RunFolder

    runs = [path for path in map(Path, subjects) if (path / "spec.json").is_file()]
    trained = [RunFolder(path).spec["data"]["open"] for path in runs]
    typed = as_typed(args)
    for name, value in typed.items():
        remembered = {opened.get(name) for opened in trained}
        if value is None and len(remembered) == 1:
            typed[name] = remembered.pop()
    return typed
