"""``twofold distill``: from a classifier and unlabelled images to another encoder that knows the classes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from twofold.cli._devices import on_devices
from twofold.cli.pretrain import add_method, add_training, begin, go_on, request_of
from twofold.core.errors import UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUMMARY = "teach an encoder what a classifier says of unlabelled images"

_METHOD = "distillation"


def parser() -> "ArgumentParser":
    """The teacher, and flags of the training."""
    from jsonargparse import ArgumentParser

    from twofold.core import registry
    from twofold.train.resolve import Request

    parser = ArgumentParser(prog="twofold distill", description=SUMMARY)
    parser.add_argument("--teacher", type=str, metavar="CLASSIFIER", help="folder that twofold fit wrote")
    add_training(parser)
    parser.add_class_arguments(Request, skip={"method", "arguments"}, as_positional=False)
    add_method(parser, registry.find("methods", _METHOD))
    return parser


@on_devices
def run(args: "Namespace") -> int:
    """Trains a student into a run folder like any other.

    By default it is of the teacher's own architecture and size, or starts from what ``--init`` names; images
    of more than 8 bits are read as the teacher's were.
    """
    from twofold.apply.classifier import load_classifier
    from twofold.data.opening import range_text

    if args.resume:
        return go_on(args)
    if not args.data or not args.teacher:
        raise UsageError("say which images and who teaches: twofold distill DATA --teacher CLASSIFIER")
    classifier = load_classifier(Path(args.teacher))
    teacher = classifier.encoder.spec
    ends = classifier.about.decode["value_range"]
    args.range = args.range or range_text(ends and tuple(ends))
    request = request_of(args, _METHOD)
    if not args.init:
        encoder, size = request.encoder or teacher["name"], request.size or teacher["size"]
        request = replace(request, encoder=encoder, size=size)
    return begin(args, request, args.teacher)
