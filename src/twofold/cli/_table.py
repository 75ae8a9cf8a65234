"""Scores as a table on the terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twofold.core.evaluation import Score
    from twofold.report.grid import Grid, Row

_WIDE = 200
_GAP = 2


def plain_console() -> Any:
    """Standard output; where another program reads it nothing is wrapped or cut."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def print_scores(
    console: Any,
    scores: Sequence["Score"],
    *,
    called: Callable[["Row"], str] = lambda row: row.subject,
) -> None:
    """Rows are subjects, the floors first; columns are protocols, below each other where they are too many.

    Args:
        console: Where to.
        scores: What to show.
        called: What a row is called; by default the subject's name.
    """
    from rich.markup import escape
    from rich.table import Table

    from twofold.report.grid import grid

    arranged = grid(scores)
    names = list(map(called, arranged.rows))
    for number, positions in enumerate(_that_fit(arranged, console.width - max(map(len, names), default=0))):
        table = Table(box=None, pad_edge=False)
        table.add_column(overflow="fold")
        for position in positions:
            table.add_column(_title(arranged, position), justify="right", no_wrap=True)
        for name, row in zip(names, arranged.rows, strict=True):
            table.add_row(escape(name), *(_text(row.scores[position]) for position in positions))
        if number:
            console.print()
        console.print(table)


def _that_fit(arranged: "Grid", width: int) -> Iterator[list[int]]:
    """Positions of the columns that stand beside each other."""
    line: list[int] = []
    left = width
    for position in range(len(arranged.columns)):
        cells = [_text(row.scores[position]) for row in arranged.rows]
        needed = _GAP + max(map(len, [_title(arranged, position), *cells]))
        if line and needed > left:
            yield line
            line, left = [], width
        line.append(position)
        left -= needed
    if line:
        yield line


def _title(arranged: "Grid", position: int) -> str:
    """Marked where something was selected for the figures."""
    return arranged.columns[position].title + ("*" if arranged.selected(position) else "")


def _text(score: "Score | None") -> str:
    """A figure and half of its interval; of a mean over seeds, its standard deviation."""
    from twofold.report.shown import figure, uncertainty

    if score is None:
        return "-"
    value = figure(score.value, score.share)
    found = score.protocol.get("found", {})
    if "seeds" in found:
        return f"{value} (sd {uncertainty(found['spread'], score.share)})"
    if score.low == score.high:
        return value
    return f"{value} ± {uncertainty((score.high - score.low) / 2, score.share)}"
