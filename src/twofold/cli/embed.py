"""``twofold embed``: a vector for every image."""

from pathlib import Path
from typing import TYPE_CHECKING

from twofold.cli._reading import add_reading, as_typed_or_trained

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_KINDS = "run folder, checkpoint, RUN@PART, timm:NAME, torchvision:NAME, random:NAME or pixels"

SUMMARY = "write the vectors of all images to a parquet file"


def parser() -> "ArgumentParser":
    """Whose vectors, of which images, and where to."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold embed", description=SUMMARY)
    parser.add_argument("run", type=str, help=_KINDS)
    parser.add_argument("data", type=str, help="folder, zip, tar, npy, npz or name (twofold list data)")
    parser.add_argument("--out", type=str, default="embeddings.parquet", help="the file")
    parser.add_argument("--labels", type=str, default="auto", help="auto, folders, none or FILE.csv")
    add_reading(parser)
    return parser


def run(args: "Namespace") -> int:
    """Writes the file and says what is in it."""
    from twofold.apply.embed import embed, refuse_other_suffix
    from twofold.apply.load import refuse_missing
    from twofold.data import open_source
    from twofold.data.screen import Screen
    from twofold.evaluations._subjects import resolve
    from twofold.train.engine import Engine

    out = Path(args.out)
    refuse_other_suffix(out)
    refuse_missing(args.run)
    source = open_source(args.data, labels=args.labels, **as_typed_or_trained(args, [args.run]))
    embed(resolve(args.run, source), source, out, engine=Engine.start(), screen=Screen())
    images = sum(map(len, source.splits.values()))
    print(f"vectors {out}: {images:,} rows of path, split, label, vector")
    return 0
