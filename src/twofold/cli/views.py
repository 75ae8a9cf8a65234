"""``twofold views``: what a method would see."""

from typing import TYPE_CHECKING

from twofold.cli._reading import add_reading, as_typed
from twofold.core.errors import TwofoldError, UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUMMARY = "draw a contact sheet of images and the views a method makes of them"


def parser() -> "ArgumentParser":
    """Data, method and where to write the picture."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold views", description=SUMMARY)
    parser.add_argument("data", type=str, help="folder, zip, tar, npy, npz or name")
    parser.add_argument("--method", type=str, default="simclr", help="whose views (twofold list methods)")
    parser.add_argument(
        "--recipe", type=str, help="a recipe by name (see views/recipes.py), not the method's"
    )
    parser.add_argument("--size", type=int, help="side of a global view in pixels")
    add_reading(parser)
    parser.add_argument("--images", type=int, default=8, help="how many images")
    parser.add_argument("--seed", type=int, default=0, help="of images and views")
    parser.add_argument("--out", type=str, default="views.png", help="the picture's file, a PNG")
    return parser


def run(args: "Namespace") -> int:
    """Writes the picture."""
    from pathlib import Path

    from twofold.core.files import write_aside
    from twofold.data import open_source
    from twofold.data.splits import pretraining_images
    from twofold.train.engine import Engine
    from twofold.train.resolve import Request, resolve
    from twofold.train.stream import Stream
    from twofold.views.histograms import histograms, overlap
    from twofold.views.maker import ViewMaker
    from twofold.views.sheet import contact_sheet

    out = Path(args.out)
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the picture is a PNG, so its name has to end in .png")
    data = Path(args.data).expanduser()
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise UsageError(
            f"--out {out}: the picture would lie in {data} and be one of its images; "
            "write it elsewhere with --out FILE.png"
        )
    if args.images < 1:
        raise UsageError(f"--images {args.images}: it is 1 or more")
    engine = Engine.start()
    source = open_source(args.data, **as_typed(args, args.size))
    images = pretraining_images(source)
    request = Request(
        method=args.method, recipe=args.recipe, size=args.size, view_size=args.size, seed=args.seed
    )
    resolved = resolve(request, source, len(images), accelerator=engine.device.type != "cpu")
    maker = ViewMaker(resolved.recipe, seed=args.seed, view_size=resolved.view_size, channels=source.channels)
    rows = Stream(images, maker, 1, args.seed).order(0)[: args.images]
    pixels = images.read(rows)
    batch = maker(pixels, rows, 0)
    pictures = all(histograms(view) is not None for view in batch.views)
    crops = maker.crops_alone()(pixels, rows, 0) if pictures else None
    try:
        with write_aside(out) as aside:
            contact_sheet(pixels, batch, args.images, crops).save(aside, format="PNG")
    except OSError as error:
        raise TwofoldError(f"cannot write {out}: {error.strerror or error}") from None
    print(f"views   {args.out} ({resolved.recipe.name}, {resolved.view_size}x{resolved.view_size} pixels)")
    for title, made in (("crops alone", crops), ("whole recipe", batch)):
        alike = overlap(made.views) if made else None
        if alike is not None:
            print(
                f"{title}: intensity histograms overlap by {alike.same:.0%} between views of one image, "
                f"by {alike.other:.0%} between views of two"
            )
    return 0
