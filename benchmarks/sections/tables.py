"""Figures, tables and machines as a reader sees them."""

from collections.abc import Iterable
from typing import Any


def accuracy(
    scores: list[dict[str, Any]], subject: str, evaluation: str, protocol: dict[str, Any]
) -> dict[str, Any] | None:
    """The score of a subject by a protocol of which this much is known."""
    for score in scores:
        wanted = (score["subject"], score["evaluation"], score["metric"]) == (subject, evaluation, "accuracy")
        if wanted and protocol.items() <= score["protocol"].items():
            return score
    return None


def figure(scores: list[dict[str, Any]], subject: str, evaluation: str, key: Any, value: Any) -> str:
    found = accuracy(scores, subject, evaluation, {} if key is None else {key: value})
    return share(found) if found else "-"


def share(score: dict[str, Any]) -> str:
    return f"{100 * score['value']:.1f} ± {50 * (score['high'] - score['low']):.1f}"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


def machine_in_words(machine: dict[str, Any]) -> str:
    return f"{machine['processor']} ({', '.join(machine['instructions'])}), {machine['cores']} cores."
