"""Which figures a table shows, and how a figure is written."""

from collections.abc import Sequence
from functools import cache

from twofold.core import registry
from twofold.core.errors import UsageError
from twofold.core.evaluation import Score, shown_metrics


def is_recall(score: Score) -> bool:
    """Whether it is of one class alone."""
    return score.metric.startswith("recall/")


def shown(scores: Sequence[Score], metric: str | None = None) -> list[Score]:
    """The figures that stand for their protocols.

    Args:
        scores: All.
        metric: Of the protocols that measure it, this one alone; of the others those that they show.
    """
    having = {score.evaluation for score in scores if score.metric == metric}
    return [
        score
        for score in scores
        if (
            score.metric == metric if score.evaluation in having else score.metric in _usual(score.evaluation)
        )
    ]


def figure(value: float, share: bool) -> str:
    """Shares in percent, other numbers by three digits, or as many as stand before the point."""
    return f"{100 * value:.1f}" if share else _by_digits(value, 3)


def uncertainty(value: float, share: bool) -> str:
    """Half of an interval, or a standard deviation: other numbers by two digits, or as many as needed."""
    return f"{100 * value:.1f}" if share else _by_digits(value, 2)


def _by_digits(value: float, digits: int) -> str:
    """Without an exponent where the number is large."""
    return f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"


@cache
def _usual(evaluation: str) -> tuple[str, ...]:
    """What a protocol shows; one that is no longer there, as most do, its accuracy."""
    try:
        return shown_metrics(registry.find("evaluations", evaluation))
    except UsageError:
        return shown_metrics(None)
