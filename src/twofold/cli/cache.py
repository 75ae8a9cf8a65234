"""``twofold cache``: what decoded images take up, and how to get rid of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twofold.cli._table import plain_console
from twofold.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.data.stores import Kept

SUMMARY = "list or prune the stores of decoded images"

_ACTIONS = ("list", "prune")


def parser() -> "ArgumentParser":
    """What to do, and with which stores."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold cache", description=SUMMARY)
    parser.add_argument(
        "action",
        nargs="?",
        type=str,
        help="list, or prune: remove stores whose images are gone or that are damaged",
    )
    parser.add_argument(
        "--unused", type=float, metavar="DAYS", help="prune also what was not used for so long"
    )
    parser.add_argument("--all", action="store_true", help="prune every store")
    return parser


def run(args: "Namespace") -> int:
    """Prints the stores, or removes those that are of no more use."""
    from twofold.data.places import cache_root
    from twofold.data.screen import readable
    from twofold.data.stores import kept_in, prune

    if args.action is None:
        raise UsageError("say what to do with the cache: twofold cache list, or twofold cache prune")
    if args.action not in _ACTIONS:
        raise UsageError(f"cannot {args.action} the cache{nearest(args.action, _ACTIONS)} (list or prune)")
    if args.action == "list" and (args.all or args.unused is not None):
        raise UsageError("--all and --unused say what to prune: twofold cache prune (list shows every store)")
    if args.unused is not None and not args.unused >= 0:
        raise UsageError(f"--unused {args.unused:g}: a number of days is 0 or more")
    root = cache_root()
    stores = kept_in(root)
    if args.action == "prune":
        removed = prune(stores, unused_days=args.unused, everything=args.all)
        for store in removed:
            print(f"removed {store.folder.name} ({readable(store.size)})")
        print(f"{readable(sum(store.size for store in removed))} freed in {root}")
    elif stores:
        _print(stores)
        print(f"{readable(sum(store.size for store in stores))} in {root}")
    else:
        print(f"no decoded images in {root}")
    return 0


def _print(stores: "Sequence[Kept]") -> None:
    from datetime import date

    from rich.markup import escape
    from rich.table import Table

    from twofold.data.screen import readable

    table = Table("store", "images", "size", "last used", box=None, pad_edge=False)
    table.add_column("from", overflow="fold")
    for store in stores:
        day = date.fromtimestamp(store.used).isoformat()
        place = escape(store.useless or store.place)
        table.add_row(store.folder.name, f"{store.images:,}", readable(store.size), day, place)
    plain_console().print(table)
