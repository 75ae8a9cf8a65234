"""``twofold runs``: what has been trained, with its scores."""

from pathlib import Path
from typing import TYPE_CHECKING

from twofold.cli._table import plain_console

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from twofold.core.run import RunFolder
    from twofold.report.grid import Grid

SUMMARY = "list the runs of a folder with method, data and scores"


def parser() -> "ArgumentParser":
    """One folder of runs."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="twofold runs", description=SUMMARY)
    parser.add_argument("folder", nargs="?", type=str, default="runs", help="folder of all runs")
    return parser


def run(args: "Namespace") -> int:
    """Prints one line a run, the oldest first."""
    from rich.table import Table

    from twofold.core.run import RunFolder

    specs = sorted(Path(args.folder).glob("*/spec.json"))
    if not specs:
        print(f"no runs in {args.folder} (begin one with: twofold pretrain DATA)")
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("run", no_wrap=True, min_width=max(len(path.parent.name) for path in specs))
    for title in ("method", "data", "epochs", "state", "k-NN", "linear"):
        table.add_column(title)
    for path in specs:
        table.add_row(*_row_or_damage(RunFolder(path.parent)))
    plain_console().print(table)
    return 0


def _row_or_damage(folder: "RunFolder") -> tuple[str, ...]:
    """One damaged run does not hide the others."""
    from twofold.core.errors import TwofoldError

    try:
        return _row(folder)
    except (TwofoldError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return folder.path.name, "-", "-", "-", "damaged", "-", "-"


def _row(folder: "RunFolder") -> tuple[str, ...]:
    from twofold.core.evaluation import Score
    from twofold.report.verdict import latest

    spec, scores = folder.spec, [Score(**score) for score in folder.scores()]
    own = spec["data"].get("fingerprint")
    table = latest([score for score in scores if score.protocol.get("fingerprint") == own])
    if not table.rows:
        table = latest(scores)
    log = list(folder.log())
    done = log[-1]["step"] if log else 0
    finished = (folder.path / "encoder.safetensors").is_file() and done >= spec["steps"]
    state = "done" if finished else f"{100 * done // spec['steps']}%"
    if spec.get("inexact"):
        state += ", inexact"
    return (
        folder.path.name,
        spec["method"]["name"],
        spec["data"]["name"],
        f"{spec['epochs']:g}",
        state,
        _score(table, "knn", own),
        _score(table, "linear", own),
    )


def _score(table: "Grid", evaluation: str, own: str | None) -> str:
    """The figure that the report speaks of, with the name of the data where they are not the run's own."""
    found = [
        score
        for row in table.rows
        for column, score in zip(table.columns, row.scores, strict=True)
        if row.role == "trained" and column.evaluation == evaluation and score
    ]
    if not found:
        return "-"
    about = found[0].protocol
    elsewhere = "" if about.get("fingerprint") == own else f" on {about['data']}"
    return f"{100 * found[0].value:.1f}{elsewhere}"
