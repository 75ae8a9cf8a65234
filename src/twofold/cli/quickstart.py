"""``twofold quickstart``: the main job on a fresh machine, without a download."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._show import LiveShow

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Score
    from twofold.core.run import RunFolder
    from twofold.core.source import Source
    from twofold.train.engine import Engine

SUMMARY = "the main job in a few minutes, on images that come with scikit-learn"

REQUEST: dict[str, Any] = {
    "preset": "signs",
    "encoder": "resnet18_w16",
    "size": 20,
    "view_size": 16,
    "batch_size": 64,
    "epochs": 24.0,
}
"""Chosen on the training split for two cores; a larger machine is done sooner."""


def parser() -> "ArgumentParser":
    """Seed, threads and where the run goes."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold quickstart", description=SUMMARY)
    parser.add_argument("--seed", type=int, default=0, help="of weights, order, views and draws of labels")
    parser.add_argument("--out", type=str, default="runs", help="folder of all runs")
    parser.add_argument("--threads", type=int, help="threads inside one operation; by default all cores")
    return parser


def run(args: "Namespace") -> int:
    """Builds the images, pre-trains without labels, judges, and writes the report."""
    from twofold.core.run import RunFolder
    from twofold.data import open_source
    from twofold.report.html import write_report
    from twofold.train.engine import Engine
    from twofold.train.interrupts import Stopped
    from twofold.train.prepare import prepare
    from twofold.train.pretrain import start
    from twofold.train.resolve import Request

    engine = Engine.start(threads=args.threads)
    opened: dict[str, Any] = {"data": "quickstart"}
    source = open_source(**opened)
    print(_about(source))
    command = shlex.join(["twofold", *args.words])
    request = Request(seed=args.seed, **REQUEST)
    with LiveShow() as show:
        prepared = prepare(request, source, opened, engine=engine, command=command, show=show)
        done = list(Path(args.out).glob(f"*-{prepared.run.key}/encoder.safetensors"))
        try:
            folder = RunFolder(done[0].parent) if done else start(prepared, Path(args.out), show)
        except Stopped as stopped:
            print(f"stopped; go on with: twofold pretrain --resume {stopped.args[0].path}", file=sys.stderr)
            return 130
    if done:
        print(f"trained already in {folder.path}: only judged again")
    scores = _judge(folder, source, engine, args.seed)
    _print(scores)
    print(f"\nrun     {folder.path}\nreport  {write_report(folder.path)}")
    print("next    twofold check YOUR_IMAGES && twofold pretrain YOUR_IMAGES")
    return 0


def _about(source: "Source") -> str:
    train, test = (len(source.splits[name]) for name in ("train", "test"))
    return (
        f"{train:,} training and {test:,} test images: scikit-learn's handwritten digits, tinted and "
        "pasted over its two photographs, 32x32 RGB"
    )


def _judge(folder: "RunFolder", source: "Source", engine: "Engine", seed: int) -> list["Score"]:
    """All protocols for all subjects; labels are used here for the first time."""
    from twofold.data.screen import Screen
    from twofold.evaluations._from_scratch import FromScratch
    from twofold.evaluations._judge import judge
    from twofold.evaluations._scores import record
    from twofold.evaluations._task import make_task
    from twofold.evaluations.few_labels import FewLabels
    from twofold.evaluations.knn import Knn
    from twofold.evaluations.linear import Linear
    from twofold.views.ops.colour import Gray
    from twofold.views.ops.jitter import Jitter
    from twofold.views.ops.solarize import Solarize
    from twofold.views.recipes import TINTED

    run = folder.run
    task = make_task(source, seed=seed)
    few = FewLabels(shares=())
    scores = judge(
        [str(folder.path)], source, task, [Knn(), Linear(), few], engine=engine, screen=Screen()
    ).scores
    crops = TINTED.without(Jitter, Gray, Solarize)
    scratch = FromScratch(run.encoder, crops, run.view_size)
    scores += scratch.scores(task, few, engine)
    record(folder, scores)
    return scores


def _print(scores: list["Score"]) -> None:
    from twofold.cli._table import plain_console, print_scores

    shown = [score for score in scores if score.metric == "accuracy"]
    console = plain_console()
    console.print()
    print_scores(console, shown, called=lambda row: row.title)
    console.print(
        "accuracy on the test digits in percent, ± half of the 95% interval; few labels: mean of 20 draws"
    )
