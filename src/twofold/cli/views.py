"""``twofold views``: what a method would see."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli import pretrain
from twofold.core.errors import TwofoldError, UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.batch import Batch
    from twofold.train.resolve import Request, Resolved

SUMMARY = "draw a contact sheet of images and the views a method makes of them"

_NO_SAY = {
    "resume",
    "init",
    "precision",
    "compile",
    "devices",
    "threads",
    "checkpoint_minutes",
    "track",
    "dry_run",
}
"""What changes no view; it is taken all the same, because a YAML file of a training may have it."""


def parser(words: list[str]) -> "ArgumentParser":
    """The training's own, so that the same words mean the same views; and how the picture is made."""
    from argparse import SUPPRESS

    parser = pretrain.parser(words)
    parser.prog, parser.description = "twofold views", f"{SUMMARY}, by the words of twofold pretrain"
    for action in parser._actions:
        if action.dest in _NO_SAY:
            action.help = SUPPRESS
        elif action.dest == "out":
            action.default, action.help = "views.png", "the picture's file, a PNG"
    parser.add_argument("--images", type=int, default=8, help="how many images")
    return parser


def run(args: "Namespace") -> int:
    """Writes the picture."""
    from twofold.core.files import write_aside
    from twofold.data import open_source
    from twofold.train.engine import Engine
    from twofold.train.prepare import images_for
    from twofold.train.stream import Stream
    from twofold.views.histograms import histograms
    from twofold.views.maker import ViewMaker
    from twofold.views.sheet import contact_sheet

    _check(args)
    request = pretrain.request_of(args, args.method)
    accelerator = Engine.start().device.type != "cpu"
    source = open_source(**pretrain.how_to_open(args, request))
    images = images_for(request.method, source)
    given = {"source": source, "images": len(images), "accelerator": accelerator}
    resolved = _resolved(request, alone=args.given.get("method") is None, **given)
    maker = ViewMaker(
        resolved.recipe, seed=request.seed, view_size=resolved.view_size, channels=source.channels
    )
    rows = Stream(images, maker, 1, request.seed).order(0)[: args.images]
    pixels = images.read(rows)
    batch = maker(pixels, rows, 0)
    pictures = all(histograms(view) is not None for view in batch.views)
    crops = maker.crops_alone()(pixels, rows, 0) if pictures else None
    out = Path(args.out)
    try:
        with write_aside(out) as aside:
            contact_sheet(pixels, batch, args.images, crops).save(aside, format="PNG")
    except OSError as error:
        raise TwofoldError(f"cannot write {out}: {error.strerror or error}") from None
    print(f"views   {args.out} ({resolved.recipe.name}, {resolved.view_size}x{resolved.view_size} pixels)")
    _tell_overlap(crops, batch)
    return 0


def _check(args: "Namespace") -> None:
    if args.resume or not args.data:
        raise UsageError("say which images: twofold views DATA (what a run sees is in its views.png)")
    out, data = Path(args.out), Path(args.data).expanduser()
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the picture is a PNG, so its name has to end in .png")
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise UsageError(
            f"--out {out}: the picture would lie in {data} and be one of its images; "
            "write it elsewhere with --out FILE.png"
        )
    if args.images < 1:
        raise UsageError(f"--images {args.images}: it is 1 or more")


def _resolved(request: "Request", *, alone: bool, **given: Any) -> "Resolved":
    """What a training would resolve to.

    A recipe may be ``alone``, asked for without a method: then the usual method need not take its views.
    """
    from twofold.train.resolve import resolve
    from twofold.views.asked import asked

    try:
        return resolve(request, **given)
    except UsageError as refusal:
        if not alone or request.recipe is None or request.min_scale is not None:
            raise
        own = resolve(replace(request, recipe=None), **given)
        recipe = asked(request.recipe, own.view_size, own.recipe)
        print(f"note    to learn from these views, name a --method that takes them: {refusal}")
        return replace(own, recipe=recipe)


def _tell_overlap(crops: "Batch | None", batch: "Batch") -> None:
    from twofold.views.histograms import overlap

    for title, made in (("crops alone", crops), ("whole recipe", batch)):
        alike = overlap(made.views) if made else None
        if alike is not None:
            print(
                f"{title}: intensity histograms overlap by {alike.same:.0%} between views of one image, "
                f"by {alike.other:.0%} between views of two"
            )
