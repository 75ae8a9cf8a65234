"""What teaching adds where few images are labelled."""

from typing import Any

from sections.tables import table


def section(record: dict[str, Any]) -> str:
    """What the same few labels are worth, one way after the other."""
    run = record["run"]
    lines = [
        "## Few labels and a teacher",
        "",
        f"{record['machine']}; commit {record['commit']}.",
        f"`RUN` is `{run['method']}` after {run['epochs']:.1f} epochs. Of `train`",
        f"{record['labelled']:,} images keep their labels, as many of each class; students see all",
        "images and no label. Accuracy on `val`, on which nothing was selected, with the 95% interval;",
        "one seed: another may differ by more.",
        "",
    ]
    rows = [
        [
            row["way"],
            f"{100 * row['accuracy']:.1f} ± {50 * (row['high'] - row['low']):.1f}",
            f"{row['seconds']:.0f}",
            f"`{row['command']}`",
        ]
        for row in record["rows"]
    ]
    lines += table(["way", "accuracy", "seconds", "command"], rows)
    return "\n".join([*lines, "", "Command:", "", "```", record["command"], "```", ""])
