"""``twofold predict``: a class for every image."""

from pathlib import Path
from typing import TYPE_CHECKING

from twofold.cli._table import plain_console
from twofold.core.errors import TwofoldError, UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.apply.predict import Summary

_CLASSES_SHOWN = 20

SUMMARY = "label the images of a folder with a classifier"


def parser() -> "ArgumentParser":
    """Which classifier, which images, and where to."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold predict", description=SUMMARY)
    parser.add_argument("classifier", type=str, help="folder that twofold fit wrote")
    parser.add_argument("data", type=str, help="folder or archive of images")
    parser.add_argument("--out", type=str, default="predictions.csv", help="the file")
    parser.add_argument("--range", type=str, help="LOW:HIGH: black and white in images of more than 8 bits")
    return parser


def run(args: "Namespace") -> int:
    """Writes the file and counts what is in it."""
    from twofold.apply.classifier import load_classifier
    from twofold.apply.predict import predict, write_csv
    from twofold.data.screen import Screen
    from twofold.train.engine import Engine

    if Path(args.out).is_dir():
        raise UsageError(f"--out {args.out}: it is a folder; name the file")
    classifier = load_classifier(Path(args.classifier), value_range=args.range)
    rows = predict(classifier, args.data, engine=Engine.start(), screen=Screen())
    summary = write_csv(rows, Path(args.out))
    if not summary.classes:
        raise TwofoldError(f"none of the images in {args.data} can be read; {args.out} tells why of each")
    _tell(summary, args.out)
    return 0


def _tell(summary: "Summary", out: str) -> None:
    """Counts by class, the most frequent ones first, then what needs a second look."""
    from rich.markup import escape
    from rich.table import Table

    from twofold.apply.distance import FAR

    table = Table("class", box=None, pad_edge=False)
    table.add_column("images", justify="right")
    for name, count in summary.classes.most_common(_CLASSES_SHOWN):
        table.add_row(escape(name), f"{count:,}")
    plain_console().print(table)
    if len(summary.classes) > _CLASSES_SHOWN:
        print(f"and {len(summary.classes) - _CLASSES_SHOWN:,} more classes")
    if summary.far:
        print(
            f"far          {summary.far:,} (of distance_percentile above {FAR:g}): unlike the training data"
        )
    if summary.unreadable:
        print(f"unreadable   {summary.unreadable:,} (their column reason tells why)")
    print(f"predictions  {out}")
