"""What is judged on what: subjects, data and labels, for commands that judge."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._reading import add_reading, as_typed_or_trained
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.processes import is_first

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Evaluation
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

    source, task = _task_of(args, evaluations)
    screen = Screen(speaks=is_first())
    return judge(args.subjects, source, task, evaluations, engine=Engine.start(), screen=screen, **how)


def _task_of(args: "Namespace", evaluations: Sequence["Evaluation"]) -> tuple["Source", "Task"]:
    """The data, and what of it is judged.

    Raises:
        TwofoldError: If its labels do not fit; those of the protocols that need none are named.
    """
    from twofold.core.evaluation import needs_labels
    from twofold.evaluations._task import make_task

    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: it is 0 or more")
    source, table = _source(args)
    labelled = any(map(needs_labels, evaluations))
    try:
        return source, make_task(
            source, group_by=args.group_by, table=table, seed=args.seed, labelled=labelled
        )
    except TwofoldError as error:
        without = [e for e in evaluations if not needs_labels(e)]
        if without:
            names = ",".join(type(each).__module__.rpartition(".")[2] for each in without)
            error.add_note(f"without labels can be asked for: --evaluations {names}")
        raise


def _source(args: "Namespace") -> tuple["Source", Path | None]:
    """The data, and the CSV file of its labels if there is one."""
    from twofold.core import dist
    from twofold.data import open_source

    runs = _runs(args.subjects)
    opened = {"data": args.data} if args.data else _data_of(args.subjects, runs)
    opened |= as_typed_or_trained(args, runs)
    if args.labels:
        opened["labels"] = args.labels
    labels = opened.get("labels") or "auto"
    table = Path(labels) if labels not in ("auto", "folders", "none") else None
    with dist.one_before_the_others():
        return open_source(**opened), table


def _runs(subjects: Sequence[str]) -> list[str]:
    """Folders among the subjects, those of ``RUN@PART`` included."""
    places = (text if Path(text).exists() else text.rpartition("@")[0] for text in subjects)
    return [place for place in places if place and Path(place).is_dir()]


def _data_of(subjects: Sequence[str], runs: Sequence[str]) -> dict[str, Any]:
    """How the one data set of all runs is opened."""
    from twofold.core.run import RunFolder

    found = [RunFolder.open(Path(run)).spec["data"]["open"] for run in runs]
    if not found:
        raise UsageError(
            f"no run folder is among {', '.join(subjects)}: say on which images to judge, --data DATA"
        )
    if any(other != found[0] for other in found):
        raise UsageError("the runs were trained on different data; say on which to judge them: --data DATA")
    return dict(found[0])
