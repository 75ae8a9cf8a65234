"""``twofold compare``: which of several encoders are better, and which of the differences are noise."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twofold.cli._devices import add_devices, on_devices
from twofold.cli._judged import add_judged, judgement_of
from twofold.cli._protocols import add_protocols, check_metric, protocols
from twofold.cli._table import plain_console, print_scores
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.processes import is_first

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.evaluation import Score
    from twofold.evaluations._judge import Judgement
    from twofold.evaluations._pairs import Pair, Side
    from twofold.report.grid import Column

SUMMARY = "tell which of several encoders are better on the same images, and what is noise"


def parser(words: Sequence[str]) -> "ArgumentParser":
    """What to compare, on what, how, and what difference would not matter."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold compare", description=SUMMARY)
    add_judged(parser)
    parser.add_argument(
        "--margin",
        type=float,
        metavar="POINTS",
        help="a difference that would not matter, in percentage points",
    )
    parser.add_argument("--metric", type=str, help="of the protocols that have it: recall@5 ...")
    add_devices(parser)
    add_protocols(parser, words)
    return parser


@on_devices
def run(args: "Namespace") -> int:
    """Prints the figures, and of each pair the difference, its interval, its chance and what that means.

    Subjects are judged anew: what a figure leaves open between two of them depends on which images each of
    them got right, and that is kept in no file. Nothing is selected on the judged images.
    """
    if len({Path(subject).resolve() for subject in args.subjects}) < 2:
        raise UsageError("name two subjects at least: there is nothing to compare one with")
    if args.margin is not None and not 0 < args.margin < 100:
        raise UsageError(f"--margin {args.margin:g}: it is a number of percentage points, above 0")
    evaluations = protocols(args)
    check_metric(args.metric, evaluations)
    judgement = judgement_of(args, evaluations, beside_floors=False)
    if is_first():
        _print(judgement, None if args.margin is None else args.margin / 100, args.metric)
    return 0


def _print(judgement: "Judgement", margin: float | None, metric: str | None) -> None:
    from twofold.cli.evaluate import footer
    from twofold.evaluations._pairs import pairs
    from twofold.evaluations._seeds import notes, over_seeds

    scores, lacking = _comparable(judgement.scores, metric)
    shown = [*scores, *over_seeds(scores, judgement.runs)]
    ways = _ways(scores, judgement)
    names = list(dict.fromkeys(side.name for sides in ways.values() for side in sides))
    numbers = {name: number for number, name in enumerate(names, 1)}
    console = plain_console()
    print_scores(console, shown, called=lambda row: _numbered(row.subject, numbers))
    found = pairs(list(ways.values()))
    for column, some in zip(ways, found, strict=True):
        console.print(f"\n{column.title}", markup=False)
        console.print(_table(some, numbers, margin))
    console.print()
    noise = _noise([pair for some in found for pair in some])
    told = [*judgement.notes, *lacking, *notes(judgement.runs)]
    for line in [*footer(shown, told), *noise]:
        console.print(line, markup=False, soft_wrap=True)


def _comparable(scores: Sequence["Score"], metric: str | None) -> tuple[list["Score"], list[str]]:
    """The figures that are known of every image; which columns have none, and what has to be known."""
    from twofold.report.grid import grid
    from twofold.report.shown import shown

    figures = shown(scores, metric)
    told = [score for score in figures if score.per_image is not None]
    without = "; ".join(c.title for c in grid([s for s in figures if s.per_image is None]).columns)
    lacking = [f"{without}: not compared, for want of a figure of each image"] if without else []
    if not told:
        raise TwofoldError("".join(lacking) or "none of the protocols can judge any of these")
    drawn: dict[str, dict[str, None]] = {}
    for score in told:
        if "draws" in score.protocol:
            drawn.setdefault(score.evaluation, {})[str(score.protocol["draws"])] = None
    same = [
        f"{name}: on the same {' and '.join(numbers)} draws of labels; others may differ"
        for name, numbers in drawn.items()
    ]
    return told, [*lacking, *same, *_looked_at_test(told)]


def _looked_at_test(scores: Sequence["Score"]) -> list[str]:
    if not any("judged on test" in score.protocol.get("split", "") for score in scores):
        return []
    return ["these are images of test: to choose by, take --judge-on val, and look at test once, at the end"]


def _ways(scores: Sequence["Score"], judgement: "Judgement") -> dict["Column", list["Side"]]:
    """What is compared by each way of judging, in the order of the table."""
    from twofold.evaluations._pairs import sides
    from twofold.report.grid import grid

    table = grid(scores)
    cells = [[score for row in table.rows if (score := row.scores[n])] for n in range(len(table.columns))]
    return {column: sides(some, judgement.runs) for column, some in zip(table.columns, cells, strict=True)}


def _numbered(subject: str, numbers: dict[str, int]) -> str:
    """A row's number, where it is compared: a seed is not, but the mean of all."""
    name = subject.partition(", mean of ")[0]
    return f"{numbers[name]}  {subject}" if name in numbers else f"   {subject}"


def _table(found: Sequence["Pair"], numbers: dict[str, int], margin: float | None) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("pair", "difference", "95% interval", "p", ""):
        table.add_column(title, justify="right" if title else "left")
    for pair in found:
        value, low, high = (f"{100 * end:+.1f}" for end in pair.difference)
        which = f"{numbers[pair.one.name]} - {numbers[pair.other.name]}"
        p = "<0.001" if pair.p < 0.001 else f"{pair.p:.3f}"
        table.add_row(which, value, f"{low} to {high}", p, pair.verdict(margin))
    return table


def _noise(found: Sequence["Pair"]) -> list[str]:
    """What the chances and the intervals cover, and what not."""
    from twofold.metrics.paired import least_permutation_p

    if not found:
        return ["these are seeds of one setting: name something else to compare them with"]
    said = [
        "differences in percentage points; p by tossing who was better on each image, corrected for the "
        f"{len(found)} pairs shown (Holm)"
    ]
    single = dict.fromkeys(side.name for pair in found for side in (pair.one, pair.other) if side.one_of_many)
    if single:
        said.append(
            f"one seed of {', '.join(single)}: what is said covers the noise of the judged images alone, "
            "another seed may differ"
        )
    if any(pair.seeds[0] == 1 < pair.seeds[1] and not pair.one_of_many for pair in found):
        said.append("against what has no seeds, the interval covers other seeds, p the judged images alone")
    for (fewer, more), covers in {pair.seeds: pair.covers_seeds for pair in found}.items():
        if covers:
            said.append(f"{fewer} and {more} seeds: p also by dealing seeds out anew, of both the larger one")
        elif fewer > 1:
            least = least_permutation_p(fewer, more)
            said.append(
                f"{fewer} and {more} seeds: the intervals cover other seeds, too; for a p below 5% they are "
                f"too few (dealt out anew, it is {least:.2f} at least)"
            )
    return said
