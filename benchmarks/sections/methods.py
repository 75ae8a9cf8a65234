"""What so many minutes are worth to each method."""

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median
from typing import Any

from sections.tables import accuracy, table
from twofold.metrics.intervals import Estimate, over_repeats, standard_deviation

FIGURES: list[tuple[str, dict[str, Any]]] = [("knn", {"k": 200}), ("knn", {"k": 1}), ("linear", {})]
"""Of a judged run: protocol, and what tells it from others of the same name."""

CORES = {1: "one core", 2: "two cores"}


def section(rows: list[dict[str, Any]]) -> str:
    """Methods side by side, after so many minutes each, one table a data set, a length and a machine."""
    parts = []
    for title in dict.fromkeys(map(_title, rows)):
        some = [row for row in rows if _title(row) == title]
        lines = [f"## {title}", ""]
        where = dict.fromkeys(f"{row['machine']}; commit {row['commit']}." for row in some)
        if "scores" in some[0]:
            lines += [
                *where,
                "Accuracy on `val`, ± half of the 95% interval; `test` is not touched. Settings",
                "were chosen on a part of `train`. Of several seeds the mean, whose interval covers",
                "other seeds, too, and their standard deviation. Sorted by the linear probe. Seconds are",
                "those of the whole command, with its probes and its report.",
                "",
            ]
            head = ["method", "seeds", "k-NN, k=200", "k-NN, k=1", "linear", "images/s", "epochs", "seconds"]
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
        if again := [f"`{row['method']}`" for row in some if "seconds_of_other_run" in row]:
            lines += ["", f"{', '.join(again)}: run twice, because the first was allotted less than eight"]
            lines += ["minutes on a machine whose pace swings; shown is the run that took nearer to ten."]
        commands = [row["command"] for row in some] + ["twofold evaluate RUN ..."] * ("scores" in some[0])
        parts.append("\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""]))
    return "\n".join(parts)


def _title(row: dict[str, Any]) -> str:
    cores, processor = row["cores"], re.split(r", \d+ cores", row["machine"])[0]
    return f"{row['minutes']:g} minutes of {CORES.get(cores, cores)} of {processor} on {row['data']}"


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
    """The floors, then a row a method, the mean over its seeds, from the best linear probe on."""
    floors = [s for s in dict.fromkeys(score["subject"] for score in rows[0]["scores"]) if s[:2] != "20"]
    for subject in floors:
        yield [subject, "", *(_shown([_figure(rows[0], of, subject)]) for of in FIGURES), "", "", ""]
    of_method: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        of_method.setdefault(row["method"], []).append(row)

    def linear(runs: list[dict[str, Any]]) -> float:
        return -mean(_figure(run, FIGURES[-1]).value for run in runs)

    for method, runs in sorted(of_method.items(), key=lambda item: linear(item[1])):
        seeds = ", ".join(str(run["seed"]) for run in sorted(runs, key=lambda run: run["seed"]))
        figures = [_shown([_figure(run, of) for run in runs]) for of in FIGURES]
        speed, epochs, seconds = (
            median(run[of] for run in runs) for of in ("images_per_second", "epochs", "seconds")
        )
        yield [f"`{method}`", seeds, *figures, f"{speed:.0f}", f"{epochs:.1f}", f"{seconds:.0f}"]


def _figure(row: dict[str, Any], of: tuple[str, dict[str, Any]], subject: str | None = None) -> Estimate:
    """A figure of the row's own run, or of a floor that was judged beside it."""
    found = accuracy(row["scores"], subject or Path(row["run"]).name, *of)
    assert found is not None
    return Estimate(found["value"], found["low"], found["high"])


def _shown(estimates: list[Estimate]) -> str:
    value, low, high = over_repeats(estimates)
    spread = f" (sd {100 * standard_deviation(estimates):.1f})" if len(estimates) > 1 else ""
    return f"{100 * value:.1f} ± {50 * (high - low):.1f}{spread}"
