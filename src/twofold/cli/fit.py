"""``twofold fit``: from an encoder and labelled images to a classifier."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._reading import add_reading, as_typed_or_trained
from twofold.core.errors import UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.apply.classifier import Classifier

SUMMARY = "make a classifier of an encoder and labelled images, with a held-out score"


def parser() -> "ArgumentParser":
    """Whose encoder, which labels, and what kind of classifier."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold fit", description=SUMMARY)
    parser.add_argument(
        "run", type=str, help="run folder, checkpoint, timm:NAME, torchvision:NAME or random:NAME"
    )
    parser.add_argument("--data", type=str, help="images, of which some or all have labels")
    parser.add_argument("--labels", type=str, default="auto", help="auto, folders or FILE.csv of path,label")
    parser.add_argument("--head", type=str, default="linear", help="linear, or mlp with one hidden layer")
    parser.add_argument("--finetune", action="store_true", help="train the encoder, too")
    parser.add_argument("--epochs", type=float, default=20.0, help="of fine-tuning")
    parser.add_argument(
        "--optimizer", type=str, default="adamw", help="of fine-tuning: adamw, or with --from-head lars"
    )
    parser.add_argument(
        "--from-head",
        type=int,
        default=0,
        metavar="N",
        help="keep the first N layers of the run's projection head (SimCLR v2 keeps 1 for fine-tuning)",
    )
    parser.add_argument(
        "--group-by",
        type=str,
        metavar="COLUMN|PATTERN",
        help="hold out whole groups: column of FILE.csv, or regular expression on the path",
    )
    add_reading(parser)
    parser.add_argument(
        "--out", type=str, help="folder of the classifier; by default RUN/classifier[-CHECKPOINT]"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is held out, initial weights and order")
    return parser


def run(args: "Namespace") -> int:
    """Writes the classifier and tells its held-out score."""
    from twofold.apply.classifier import claimed
    from twofold.apply.load import refuse_missing

    _check(args)
    out = _folder(args)
    refuse_missing(args.run)
    with claimed(out):
        classifier = _fitted(args)
    classifier.save(out)
    _tell(classifier, out)
    return 0


def _fitted(args: "Namespace") -> "Classifier":
    from twofold.apply.fit import Wish, fit_classifier
    from twofold.apply.from_head import from_head
    from twofold.data.opening import open_with_store, settings_from
    from twofold.data.screen import Screen
    from twofold.evaluations._seen_labels import seen_labels
    from twofold.evaluations._subjects import resolve
    from twofold.evaluations._task import make_task
    from twofold.train.engine import Engine, seed_everything

    screen = Screen()
    settings = settings_from(**as_typed_or_trained(args, [args.run]))
    opened = open_with_store(args.data, args.labels, settings, None, screen)
    table = None if args.labels in ("auto", "folders") else Path(args.labels)
    task = make_task(opened.source, group_by=args.group_by, table=table, seed=args.seed)
    seed_everything(args.seed)
    subject = resolve(args.run, opened.source)
    notes = [*task.notes, *seen_labels(args.run, subject, task)]
    return fit_classifier(
        from_head(subject, args.from_head) if args.from_head else subject,
        opened.source,
        task,
        Wish(args.head, args.finetune, args.epochs, args.seed, args.optimizer),
        decode={"short_side": settings.short_side, "value_range": opened.store.index.value_range},
        record={"command": shlex.join(["twofold", *args.words]), "notes": notes},
        engine=Engine.start(),
        screen=screen,
    )


def _check(args: "Namespace") -> None:
    if not args.data:
        raise UsageError("say which images: twofold fit RUN --data DATA [--labels FILE.csv]")
    if args.labels == "none":
        raise UsageError("--labels none: a classifier needs labels: folders, or a CSV file of path,label")
    if args.head not in ("linear", "mlp"):
        raise UsageError(f"--head {args.head}: it is linear or mlp")
    if args.epochs <= 0:
        raise UsageError(f"--epochs {args.epochs:g}: it has to be above 0")
    if args.given.get("epochs") is not None and not args.finetune:
        raise UsageError("--epochs is of fine-tuning, and the encoder stays as it is: add --finetune")
    if args.optimizer not in ("adamw", "lars"):
        raise UsageError(f"--optimizer {args.optimizer}: it is adamw or lars")
    if args.optimizer == "lars" and not (args.finetune and args.from_head):
        raise UsageError("--optimizer lars is for fine-tuning from the head: add --finetune --from-head 1")
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: it has to be 0 or more")
    if args.from_head < 0:
        raise UsageError(f"--from-head {args.from_head}: it has to be 0 or more")


def _folder(args: "Namespace") -> Path:
    """Inside the run where there is one; checkpoints are called alike in all runs."""
    if args.out:
        return Path(args.out)
    run = Path(args.run)
    if run.is_file():
        return run.with_name(f"classifier-{run.stem}")
    return run / "classifier" if run.is_dir() else Path("classifiers") / run.name.replace(":", "-")


def _tell(classifier: "Classifier", out: Path) -> None:
    about = classifier.about
    figures = {score["metric"]: _percent(score) for score in about.scores}
    print(f"held out    accuracy {figures['accuracy']}, macro-F1 {figures['macro_f1']}")
    print(f"            {about.scores[0]['protocol']['split']}")
    for note in about.record["notes"]:
        print(f"note        {note}")
    print(f"classifier  {out}: {about.shipped}")
    print(f"next        twofold predict {shlex.quote(str(out))} DIR --out predictions.csv")


def _percent(score: dict[str, Any]) -> str:
    return f"{100 * score['value']:.1f}% ({100 * score['low']:.1f} to {100 * score['high']:.1f})"
