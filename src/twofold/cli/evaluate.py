"""``twofold evaluate``: what encoders are worth, beside their floors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._devices import add_devices, on_devices
from twofold.cli._judged import add_judged, judgement_of
from twofold.cli._protocols import add_protocols, check_metric, protocols
from twofold.cli._table import plain_console, print_scores
from twofold.core.errors import UsageError
from twofold.core.processes import is_first

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Score
    from twofold.evaluations._judge import Judgement

SUMMARY = "judge encoders by k-NN, linear probes and more, beside raw pixels and random weights"


def parser(words: Sequence[str]) -> "ArgumentParser":
    """What to judge, on what, and how; with the options of the protocols that the words name."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold evaluate", description=SUMMARY)
    add_judged(parser)
    add_devices(parser)
    parser.add_argument(
        "--metric", type=str, help="in the table, of the protocols that have it: macro_f1 ..."
    )
    parser.add_argument("--per-class", action="store_true", help="also print the recall of each class")
    parser.add_argument(
        "--out", type=str, help="folder that keeps scores, pictures and tables of all subjects"
    )
    add_protocols(parser, words)
    return parser


@on_devices
def run(args: "Namespace") -> int:
    """Prints the table; adds what came out to the runs' folders as soon as a subject is done with."""
    evaluations = protocols(args)
    check_metric(args.metric, evaluations)
    if args.out and Path(args.out).exists() and not Path(args.out).is_dir():
        raise UsageError(f"--out {args.out}: it is a file; name a folder")

    def keep_so_far(judgement: "Judgement") -> None:
        if is_first():
            _keep(judgement, args.out)

    judgement = judgement_of(args, evaluations, after=keep_so_far)
    if is_first():
        _print(judgement, args)
        _tell_kept(judgement, args.out)
    return 0


def _keep(judgement: "Judgement", out: str | None) -> None:
    """Each run gets its own figures and pictures and its floors'; the folder that was named gets all."""
    from twofold.core.evaluation import Artefact, Score
    from twofold.core.run import RunFolder
    from twofold.evaluations._scores import keep, record

    found: list[Score | Artefact] = [*judgement.scores, *judgement.artefacts]
    everything = {one.subject: one.subject for one in found}
    places = {path: _of_run(judgement, path) for path in judgement.runs.values()}
    for path, called in {**places, **({Path(out): everything} if out else {})}.items():
        folder = RunFolder(path)
        own = [replace(one, subject=called[one.subject]) for one in found if one.subject in called]
        record(folder, [one for one in own if isinstance(one, Score)])
        keep(folder, [one for one in own if isinstance(one, Artefact)])


def _of_run(judgement: "Judgement", path: Path) -> dict[str, str]:
    """The subjects that have to do with a run, and what they are called in its folder."""
    own = {name: name for name, place in judgement.runs.items() if place == path}
    return own | {here: alone for name in own for here, alone in judgement.floors[name].items()}


def _print(judgement: "Judgement", args: "Namespace") -> None:
    from twofold.evaluations._seeds import notes, over_seeds
    from twofold.report.shown import shown

    console = plain_console()
    scores = [*judgement.scores, *over_seeds(judgement.scores, judgement.runs)]
    print_scores(console, shown(scores, args.metric))
    if args.per_class:
        for subject in dict.fromkeys(score.subject for score in judgement.scores):
            if recalls := _recalls(judgement.scores, subject):
                console.print(f"\nrecall, {subject}", markup=False)
                print_scores(console, recalls)
    console.print()
    for line in footer(scores, [*judgement.notes, *notes(judgement.runs)]):
        console.print(line, markup=False, soft_wrap=True)


def _recalls(scores: Sequence["Score"], subject: str) -> list["Score"]:
    """Recalls of one subject, a row a class."""
    return [
        replace(score, subject=score.metric.removeprefix("recall/"), metric="recall")
        for score in scores
        if score.subject == subject and score.metric.startswith("recall/")
    ]


def footer(scores: Sequence["Score"], notes: Sequence[str]) -> list[str]:
    """How the figures came about."""
    if not scores:
        return ["none of the protocols can judge any of these", *notes]
    on = dict.fromkeys(_on(score.protocol) for score in scores)
    selected = dict.fromkeys(
        (score.evaluation, s) for score in scores if (s := score.protocol.get("selected"))
    )
    percent = "in percent" if all(score.share for score in scores) else "shares in percent"
    seeds = any("seeds" in score.protocol.get("found", {}) for score in scores)
    return [
        *on,
        f"{percent}, ± half of the 95% interval" + (", sd: standard deviation over seeds" if seeds else ""),
        *(f"* selected for {evaluation}: {what}" for evaluation, what in selected),
        *_networks(scores),
        *notes,
    ]


def _on(protocol: Mapping[str, Any]) -> str:
    images = f"{protocol['fit_images']:,} images to fit on, {protocol['judge_images']:,} judged"
    return f"{protocol['data']}: {protocol['split']}; {images}"


def _networks(scores: Sequence["Score"]) -> list[str]:
    """How many networks the figures of each random one are the mean of."""
    from twofold.report.grid import protocol_title

    counts: dict[str, dict[str, int]] = {}
    for score in scores:
        if count := score.protocol.get("networks"):
            arm = score.protocol.get("arm")
            way = protocol_title(score.evaluation) + (f" ({arm})" if arm else "")
            counts.setdefault(score.subject, {})[way] = count
    told = []
    for subject, count_of in counts.items():
        several = max(count_of.values())
        single = [way for way, count in count_of.items() if count < several]
        but = f"; {', '.join(single)}: of the first alone" if single else ""
        if several > 1:
            told.append(f"{subject}: mean of {several} random networks{but}")
        elif subject.startswith("random:"):
            told.append(f"{subject}: of the first random network alone")
    return told


def _tell_kept(judgement: "Judgement", out: str | None) -> None:
    """Where everything is; reports are written once, at the end."""
    from twofold.report.html import write_report

    kept = {path: _of_run(judgement, path) for path in judgement.runs.values()}
    for path, subjects in kept.items():
        print(f"scores  {path / 'scores.json'}")
        if any(artefact.subject in subjects for artefact in judgement.artefacts):
            print(f"shown   {path / 'artefacts'}")
        print(f"report  {write_report(path)}")
    if out:
        print(f"scores  {Path(out) / 'scores.json'}")
        if judgement.artefacts:
            print(f"shown   {Path(out) / 'artefacts'}")
        return
    lost = {a.subject for a in judgement.artefacts}.difference(*kept.values())
    if lost:
        print(f"pictures and tables of {', '.join(sorted(lost))} were not kept: name a folder, --out FOLDER")
