"""``twofold list``: what can be named, one a line, name first."""

import sys
from typing import TYPE_CHECKING

from twofold.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUMMARY = "list methods, encoders, data sets, evaluations or studies"

KINDS = ("methods", "encoders", "data", "evaluations", "studies")

_ANY_WIDTH = [
    (f"resnet{depth}_w{{width}}", f"any width: _w16 is a quarter as wide as resnet{depth}, _w128 twice")
    for depth in (18, 34, 50, 101, 152)
]


def parser() -> "ArgumentParser":
    """What to list, and which names to keep."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold list", description=SUMMARY)
    parser.add_argument("kind", nargs="?", type=str, help=", ".join(KINDS))
    parser.add_argument("filter", nargs="?", type=str, default="", help="only names that contain this")
    return parser


def run(args: "Namespace") -> int:
    """Prints the names to standard output, fit for grep and cut."""
    if args.kind is None:
        raise UsageError(f"say what to list: {', '.join(KINDS)}")
    if args.kind not in KINDS:
        raise UsageError(f"cannot list '{args.kind}'{nearest(args.kind, KINDS)} (one of: {', '.join(KINDS)})")
    listed = _encoders() if args.kind == "encoders" else _files(args.kind)
    if not listed:
        print(f"there are no {args.kind} yet", file=sys.stderr)
        return 0
    kept = [(name, told) for name, told in listed if args.filter.lower() in name.lower()]
    if not kept:
        raise UsageError(
            f"no name among the {args.kind} contains '{args.filter}' (see: twofold list {args.kind})"
        )
    longest = max(len(name) for name, told in kept if told) if any(told for _, told in kept) else 0
    for name, told in kept:
        print(f"{name:<{longest}}  {told}".rstrip())
    return 0


def _files(kind: str) -> list[tuple[str, str]]:
    from twofold.core import registry

    return [(name, registry.summary(kind, name)) for name in registry.names(kind)]


def _encoders() -> list[tuple[str, str]]:
    from twofold.nn.encoder import known_encoders

    return [*_ANY_WIDTH, *((name, "") for name in known_encoders())]
