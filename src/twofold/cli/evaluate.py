"""``twofold evaluate``: what an encoder is worth, beside its floors."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._reading import add_reading, as_typed_or_trained
from twofold.cli._table import plain_console, score_table
from twofold.core.errors import UsageError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Score
    from twofold.core.source import Source
    from twofold.evaluations._judge import Judgement

SUMMARY = "judge encoders by k-NN and linear probes, beside raw pixels and random weights"


def parser() -> "ArgumentParser":
    """What to judge, on what, and how."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold evaluate", description=SUMMARY)
    parser.add_argument(
        "subjects", nargs="+", type=str, help="run folders, checkpoints, timm:NAME, random:NAME or pixels"
    )
    parser.add_argument("--data", type=str, help="labelled images; by default what the run was trained on")
    parser.add_argument("--labels", type=str, help="auto, folders or FILE.csv of path,label")
    parser.add_argument(
        "--evaluations", type=str, default="knn,linear", help="comma-separated (twofold list evaluations)"
    )
    parser.add_argument(
        "--group-by",
        type=str,
        metavar="COLUMN|PATTERN",
        help="keep images of one group together: a column of FILE.csv or a regular expression",
    )
    parser.add_argument("--metric", type=str, default="accuracy", help="in the table: accuracy or macro_f1")
    parser.add_argument("--per-class", action="store_true", help="also print the recall of each class")
    add_reading(parser)
    parser.add_argument("--seed", type=int, default=0, help="of what is held out and of draws of labels")
    return parser


def run(args: "Namespace") -> int:
    """Prints the table; adds the scores to the runs' ``scores.json`` and reports."""
    from twofold.core import registry
    from twofold.data.screen import Screen
    from twofold.evaluations._judge import judge
    from twofold.evaluations._task import make_task
    from twofold.train.engine import Engine

    if args.metric not in ("accuracy", "macro_f1"):
        raise UsageError(f"--metric {args.metric}: it is accuracy or macro_f1")
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: it is 0 or more")
    evaluations = [registry.find("evaluations", name.strip())() for name in args.evaluations.split(",")]
    source, table = _source(args)
    task = make_task(source, group_by=args.group_by, table=table, seed=args.seed)
    judgement = judge(args.subjects, source, task, evaluations, engine=Engine.start(), screen=Screen())
    _print(judgement, args)
    _record(args.subjects, judgement)
    return 0


def _source(args: "Namespace") -> tuple["Source", Path | None]:
    """The data, and the CSV file of its labels if there is one."""
    from twofold.data import open_source

    opened = {"data": args.data} if args.data else _data_of(args.subjects)
    opened |= as_typed_or_trained(args, args.subjects)
    if args.labels:
        opened["labels"] = args.labels
    labels = opened.get("labels") or "auto"
    table = Path(labels) if labels not in ("auto", "folders", "none") else None
    return open_source(**opened), table


def _runs(subjects: Sequence[str]) -> list[Path]:
    return [path for path in map(Path, subjects) if path.is_dir()]


def _data_of(subjects: Sequence[str]) -> dict[str, Any]:
    """How the one data set of all runs is opened."""
    from twofold.core.run import RunFolder

    found = [RunFolder.open(path).spec["data"]["open"] for path in _runs(subjects)]
    if not found:
        raise UsageError(
            f"no run folder is among {', '.join(subjects)}: say on which images to judge, --data DATA"
        )
    if any(other != found[0] for other in found):
        raise UsageError("the runs were trained on different data; say on which to judge them: --data DATA")
    return dict(found[0])


def _print(judgement: "Judgement", args: "Namespace") -> None:
    console = plain_console()
    console.print(score_table([score for score in judgement.scores if score.metric == args.metric]))
    if args.per_class:
        for subject in dict.fromkeys(score.subject for score in judgement.scores):
            console.print(f"\nrecall, {subject}", markup=False)
            console.print(score_table(_recalls(judgement.scores, subject)))
    console.print()
    for line in _footer(judgement):
        console.print(line, markup=False, soft_wrap=True)


def _recalls(scores: Sequence["Score"], subject: str) -> list["Score"]:
    """Recalls of one subject, a row a class."""
    from dataclasses import replace

    return [
        replace(score, subject=score.metric.removeprefix("recall/"), metric="recall")
        for score in scores
        if score.subject == subject and score.metric.startswith("recall/")
    ]


def _footer(judgement: "Judgement") -> list[str]:
    """How the figures came about."""
    first = judgement.scores[0].protocol
    several = {score.subject: n for score in judgement.scores if (n := score.protocol.get("networks"))}
    selected = {score.evaluation: s for score in judgement.scores if (s := score.protocol.get("selected"))}
    return [
        f"{first['data']}: {first['split']}; {first['fit_images']:,} images to fit on, "
        f"{first['judge_images']:,} judged; in percent, ± half of the 95% interval",
        *(f"selected for {evaluation}: {what}" for evaluation, what in selected.items()),
        *(f"{subject}: mean of {count} random networks" for subject, count in several.items()),
        *judgement.notes,
    ]


def _record(subjects: Sequence[str], judgement: "Judgement") -> None:
    from twofold.core.run import RunFolder
    from twofold.evaluations._scores import record
    from twofold.report.html import write_report

    for path in _runs(subjects):
        name = path.resolve().name
        own = {name, *judgement.floors[name]}
        written = record(RunFolder(path), [score for score in judgement.scores if score.subject in own])
        print(f"scores  {written}\nreport  {write_report(path)}")
