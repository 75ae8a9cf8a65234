"""What so many minutes are worth to each method."""

from collections.abc import Iterable
from typing import Any

from sections.tables import figure, table

CORES = {1: "one core", 2: "two cores"}


def section(rows: list[dict[str, Any]]) -> str:
    """Methods side by side, after so many minutes each, one table a data set."""
    parts = []
    for data, length, cores in dict.fromkeys((row["data"], row["minutes"], row["cores"]) for row in rows):
        some = [row for row in rows if (row["data"], row["minutes"], row["cores"]) == (data, length, cores)]
        lines = [f"## {length:g} minutes of {CORES.get(cores, cores)} on {data}", ""]
        where = dict.fromkeys(f"{row['machine']}; commit {row['commit']}." for row in some)
        if "scores" in some[0]:
            lines += [
                *where,
                "Accuracy on `val`, ± half of the 95% interval; `test` is not touched. Settings",
            ]
            lines += ["were chosen on a part of `train`.", ""]
            head = ["method", "seed", "k-NN, k=200", "k-NN, k=1", "linear", "images/s", "epochs", "seconds"]
            lines += table(head, _rows(some))
        else:
            lines += [
                *where,
                "No labels, so nothing to judge. Spread: 1 fills the sphere, 0 is collapse.",
                "",
            ]
            head = [
                "method",
                "seed",
                "images",
                "encoder",
                "view",
                "images/s",
                "epochs",
                "loss",
                "spread",
                "seconds",
            ]
            lines += table(head, _unjudged_rows(some))
        commands = [row["command"] for row in some] + ["twofold evaluate RUN ..."] * ("scores" in some[0])
        parts.append("\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""]))
    return "\n".join(parts)


def _unjudged_rows(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    for row in rows:
        first, last = row["losses"]
        yield [
            f"`{row['method']}`",
            str(row["seed"]),
            f"{row['images']:,}",
            row["encoder"],
            f"{row['view_size']} px",
            f"{row['images_per_second']:.0f}",
            f"{row['epochs']:g}",
            f"{first:.2f} → {last:.2f}",
            f"{row['spread']:.2f}",
            f"{row['seconds']:.0f}",
        ]


def _rows(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    def figures(scores: list[dict[str, Any]], subject: str) -> list[str]:
        knn = [figure(scores, subject, "knn", "k", k) for k in (200, 1)]
        return [*knn, figure(scores, subject, "linear", None, None)]

    floors = [s for s in dict.fromkeys(score["subject"] for score in rows[0]["scores"]) if s[:2] != "20"]
    for subject in floors:
        yield [subject, "", *figures(rows[0]["scores"], subject), "", "", ""]
    for row in rows:
        own = next(score["subject"] for score in row["scores"] if score["subject"][:2] == "20")
        pace = [f"{row['images_per_second']:.0f}", f"{row['epochs']:g}", f"{row['seconds']:.0f}"]
        yield [f"`{row['method']}`", str(row["seed"]), *figures(row["scores"], own), *pace]
