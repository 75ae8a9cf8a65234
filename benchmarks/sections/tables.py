"""Figures, tables and machines as a reader sees them."""

from collections.abc import Iterable
from typing import Any


def figure(scores: list[dict[str, Any]], subject: str, evaluation: str, key: Any, value: Any) -> str:
    for score in scores:
        wanted = score["subject"] == subject and score["evaluation"] == evaluation
        if wanted and score["metric"] == "accuracy" and (key is None or score["protocol"].get(key) == value):
            return share(score)
    return "-"


def share(score: dict[str, Any]) -> str:
    return f"{100 * score['value']:.1f} ± {50 * (score['high'] - score['low']):.1f}"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


def machine_in_words(machine: dict[str, Any]) -> str:
    return f"{machine['processor']} ({', '.join(machine['instructions'])}), {machine['cores']} cores."
