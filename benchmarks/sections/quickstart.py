"""What ``twofold quickstart`` gives."""

from collections.abc import Iterable
from typing import Any

from sections.tables import figure, table


def section(rows: list[dict[str, Any]]) -> str:
    """Seeds side by side: what pre-training gives beyond its floors."""
    lines = ["## `twofold quickstart`", "", f"{rows[0]['machine']}; commit {rows[0]['commit']}.", ""]
    columns = [("knn", "k", 200), ("knn", "k", 1), ("linear", None, None)]
    columns += [("few_labels", "per_class", 1), ("few_labels", "per_class", 10)]
    names = ["k-NN, k=200", "k-NN, k=1", "linear", "1 label a class", "10 labels a class"]
    lines += table(["seed", "subject", *names, "seconds"], _rows(rows, columns))
    commands = [row["command"] for row in rows]
    return "\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""])


def _rows(rows: list[dict[str, Any]], columns: list[tuple[str, Any, Any]]) -> Iterable[list[str]]:
    for row in rows:
        for subject in dict.fromkeys(score["subject"] for score in row["scores"]):
            cells = [figure(row["scores"], subject, *column) for column in columns]
            shown = "pre-trained" if subject[:2] == "20" else subject
            yield [str(row["seed"]), shown, *cells, f"{row['seconds']:.0f}"]
