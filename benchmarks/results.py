"""Makes ``docs/results.md`` from the JSON files that the benchmarks keep beside it.

python benchmarks/results.py
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = """# Results

Every figure here was measured; the command that made it stands beside it, and the raw record, with
settings, commit and machine, is in `docs/results/`. Made by `python benchmarks/results.py`.
"""


def main() -> None:
    parts = [HEAD]
    for name, section in (("quickstart", quickstart), ("minutes", minutes)):
        path = DOCS / "results" / f"{name}.json"
        if path.is_file():
            parts.append(section(json.loads(path.read_text())))
    (DOCS / "results.md").write_text("\n".join(parts))


def quickstart(rows: list[dict[str, Any]]) -> str:
    """Seeds side by side: what pre-training gives beyond its floors."""
    lines = ["## `twofold quickstart`", "", f"{rows[0]['machine']}; commit {rows[0]['commit']}.", ""]
    columns = [("knn", "k", 200), ("knn", "k", 1), ("linear", None, None)]
    columns += [("few_labels", "per_class", 1), ("few_labels", "per_class", 10)]
    names = ["k-NN, k=200", "k-NN, k=1", "linear", "1 label a class", "10 labels a class"]
    lines += table(["seed", "subject", *names, "seconds"], quickstart_rows(rows, columns))
    return "\n".join([*lines, ""])


def quickstart_rows(rows: list[dict[str, Any]], columns: list[tuple[str, Any, Any]]) -> Iterable[list[str]]:
    for row in rows:
        for subject in dict.fromkeys(score["subject"] for score in row["scores"]):
            cells = [figure(row["scores"], subject, *column) for column in columns]
            shown = "pre-trained" if subject[:2] == "20" else subject
            yield [str(row["seed"]), shown, *cells, f"{row['seconds']:.0f}"]


def minutes(rows: list[dict[str, Any]]) -> str:
    """Methods side by side, after so many minutes each."""
    first = rows[0]
    title = f"## {first['minutes']:g} minutes of two cores on {first['data']}"
    lines = [title, "", f"{first['machine']}; commit {first['commit']}. Accuracy on `val`, ± half of the 95%"]
    lines += ["interval; `test` is not touched. Settings were not chosen on `val`.", ""]
    head = ["method", "seed", "k-NN, k=200", "k-NN, k=1", "linear", "images/s", "epochs", "seconds"]
    lines += table(head, minutes_rows(rows))
    commands = [*(row["command"] for row in rows), "twofold evaluate RUN ..."]
    return "\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""])


def minutes_rows(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
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


def figure(scores: list[dict[str, Any]], subject: str, evaluation: str, key: Any, value: Any) -> str:
    for score in scores:
        wanted = score["subject"] == subject and score["evaluation"] == evaluation
        if wanted and score["metric"] == "accuracy" and (key is None or score["protocol"].get(key) == value):
            return f"{100 * score['value']:.1f} ± {50 * (score['high'] - score['low']):.1f}"
    return "-"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


if __name__ == "__main__":
    main()
