"""What is judged on what: subjects, data and labels, for commands that judge."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twofold.cli._reading import add_reading, as_typed_or_trained, runs_among
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.processes import is_first

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Evaluation, Score
    from twofold.core.source import Source
    from twofold.evaluations._judge import Judgement
    from twofold.evaluations._task import Task

_KINDS = "run folders, checkpoints, RUN@PART, timm:NAME, torchvision:NAME, random:NAME or pixels"


def add_judged(parser: "ArgumentParser") -> None:
    """What to judge, on which images, by which labels."""
    parser.add_argument("subjects", nargs="+", type=str, help=_KINDS)
    parser.add_argument("--data", type=str, help="images; by default what the runs were trained on")
    parser.add_argument("--labels", type=str, help="auto, folders or FILE.csv of path,label")
    parser.add_argument(
        "--judge-on",
        type=Literal["test", "val"],
        default="test",
        help="val: leave test alone, as while choosing; without a val, a fifth of train is held out",
    )
    parser.add_argument(
        "--group-by",
        type=str,
        metavar="COLUMN|PATTERN",
        help="keep images of one group together: a column of FILE.csv or a regular expression",
    )
    add_reading(parser)
    parser.add_argument("--seed", type=int, default=0, help="of what is held out and of all draws")


def judgement_of(args: "Namespace", evaluations: Sequence["Evaluation"], **how: Any) -> "Judgement":
    """Judges what was asked for; ``how`` is what ``judge`` takes beyond that.

    Raises:
        TwofoldError: If the labels do not fit, or something cannot be judged.
    """
    from twofold.data.screen import Screen
    from twofold.evaluations._judge import judge
    from twofold.train.engine import Engine

    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: it is 0 or more")
    opened = _opened(args)
    source, task = _task_of(args, opened, evaluations)
    screen = Screen(speaks=is_first())
    judged = judge(args.subjects, source, task, evaluations, engine=Engine.start(), screen=screen, **how)
    judged.notes.extend(_enlarged(judged.scores, source, opened))
    return judged


def _task_of(
    args: "Namespace", opened: dict[str, Any], evaluations: Sequence["Evaluation"]
) -> tuple["Source", "Task"]:
    """The data, and what of it is judged.

    Raises:
        TwofoldError: If its labels do not fit; those of the protocols that need none are named.
    """
    from twofold.core.evaluation import needs_labels
    from twofold.evaluations._task import make_task

    source, table = _source(opened)
    labelled = any(map(needs_labels, evaluations))
    try:
        return source, make_task(
            source,
            judge_on=args.judge_on,
            group_by=args.group_by,
            table=table,
            seed=args.seed,
            labelled=labelled,
        )
    except TwofoldError as error:
        without = [e for e in evaluations if not needs_labels(e)]
        if without:
            names = ",".join(type(each).__module__.rpartition(".")[2] for each in without)
            error.add_note(f"without labels can be asked for: --evaluations {names}")
        raise


def _opened(args: "Namespace") -> dict[str, Any]:
    """Keywords of ``open_source``."""
    opened = {"data": args.data} if args.data else _data_of(args)
    opened |= as_typed_or_trained(args, args.subjects)
    if args.labels:
        opened["labels"] = args.labels
    return opened


def _source(opened: dict[str, Any]) -> tuple["Source", Path | None]:
    """The data, and the CSV file of its labels if there is one."""
    from twofold.core import dist
    from twofold.data import open_source

    labels = opened.get("labels") or "auto"
    table = Path(labels) if labels not in ("auto", "folders", "none") else None
    with dist.one_before_the_others():
        return open_source(**opened), table


def _data_of(args: "Namespace") -> dict[str, Any]:
    """The one data set of all runs, and its labels."""
    from twofold.core.run import RunFolder

    found = [RunFolder.open(run).spec["data"]["open"] for run in runs_among(args.subjects)]
    if not found:
        raise UsageError(
            f"no run folder is among {', '.join(args.subjects)}: say on which images to judge, --data DATA"
        )
    if any(other["data"] != found[0]["data"] for other in found):
        raise UsageError("the runs were trained on different data; say on which to judge them: --data DATA")
    labels = {opened.get("labels", "auto") for opened in found}
    if len(labels) > 1 and not args.labels:
        raise UsageError("the runs were trained with different --labels; say by which to judge them")
    return {"data": found[0]["data"], "labels": labels.pop()}


def _enlarged(scores: Sequence["Score"], source: "Source", opened: dict[str, Any]) -> Iterator[str]:
    """Who is shown more pixels than are left of the files'."""
    from twofold.data.opening import settings_from

    stored = settings_from(opened["size"], opened["store_size"], None).short_side
    views = {score.subject: score.protocol["view"] for score in scores if "view" in score.protocol}
    sides = {subject: int(view.partition("x")[0]) for subject, view in views.items()}
    wanting = [subject for subject, side in sides.items() if side > stored == source.size]
    if wanting:
        yield (
            f"{', '.join(wanting)}: shown enlarged, the images are decoded at {stored} pixels "
            f"(larger: --store-size {max(sides.values())})"
        )
