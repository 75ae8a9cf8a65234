"""How image files are read: options that commands share, and what runs remember of them."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.core.processes import is_first

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
    """As ``as_typed``; what was not typed is as the subjects that are runs, or lie in one, remember it.

    Where they do not agree, images are as large as any of them wants, and the range is the data's own.
    """
    from twofold.core.run import RunFolder
    from twofold.data.opening import settings_from

    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in _places(subjects))
    runs = [path for path in folders if (path / "spec.json").is_file()]
    trained = [RunFolder(path).spec["data"]["open"] for path in runs]
    typed = as_typed(args)
    if typed["store_size"] is None and trained:
        sizes = ({name: opened.get(name) for name in ("size", "store_size")} for opened in trained)
        typed |= max(sizes, key=lambda each: settings_from(**each, value_range=None).short_side)
    ranges = sorted({opened["value_range"] for opened in trained if opened.get("value_range")})
    if typed["value_range"] is None and len(ranges) == 1:
        typed["value_range"] = ranges[0]
    elif typed["value_range"] is None and ranges and is_first():
        told = f"the runs' images of more than 8 bits were read with other ranges ({', '.join(ranges)})"
        print(f"{told}: here the data's own is taken; choose one with --range", file=sys.stderr)
    return typed


def runs_among(subjects: Iterable[str]) -> list[Path]:
    """Folders among the subjects, those of ``RUN@PART`` included."""
    return [place for place in _places(subjects) if place.is_dir()]


def _places(subjects: Iterable[str]) -> list[Path]:
    places = (text if Path(text).exists() else text.rpartition("@")[0] for text in subjects)
    return [Path(place) for place in places if place and Path(place).exists()]
