"""Scores as a table on the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twofold.core.evaluation import Score

_WIDE = 200


def plain_console() -> Any:
    """Standard output; where another program reads it nothing is wrapped or cut."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def score_table(scores: Sequence["Score"], *, titles: bool = False) -> Any:
    """Rows are subjects, the floors first; columns are protocols.

    Args:
        scores: Of one metric.
        titles: Whether subjects are called by what they stand for rather than by name.
    """
    from rich.markup import escape
    from rich.table import Table

    from twofold.report.grid import grid

    arranged = grid(scores)
    table = Table(box=None, pad_edge=False)
    table.add_column(overflow="fold")
    for column in arranged.columns:
        table.add_column(column.title, justify="right")
    for row in arranged.rows:
        name = row.title if titles else row.subject
        table.add_row(escape(name), *(_percent(score) for score in row.scores))
    return table


def _percent(score: "Score | None") -> str:
    if score is None:
        return "-"
    return f"{100 * score.value:.1f} ± {50 * (score.high - score.low):.1f}"
