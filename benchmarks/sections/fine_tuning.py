"""How a trained encoder is fine-tuned."""

from typing import Any

from sections.tables import table


def section(record: dict[str, Any]) -> str:
    """Three ways to train on the same images, by rate."""
    rates = list(dict.fromkeys(row["rate"] for row in record["rows"]))
    run = record["run"]
    lines = ["## Batch norms in fine-tuning", "", f"{record['machine']}; commit {record['commit']}."]
    lines += [
        f"`{run['method']}` after {run['epochs']:.1f} epochs, trained further on some images of `train`, and "
        "judged on 4,000",
        "others of it: accuracy after ten passes (at least a hundred steps) at every rate, and after thirty",
        "at the best of them.",
        "",
    ]
    found: dict[tuple[str, int, str], dict[tuple[float, int], float]] = {}
    for row in record["rows"]:
        key = row["data"], row["images"], row["way"]
        found.setdefault(key, {})[row["rate"], row["passes"]] = row["accuracy"]
    rows = []
    for (data, images, way), accuracies in found.items():
        short = [accuracies.get((rate, 10)) for rate in rates]
        long = next((value for (_, passes), value in accuracies.items() if passes == 30), None)
        rows.append([data, f"{images:,}", way, *map(_percent, [*short, long])])
    lines += table(["data", "images", "from", *(f"{rate:g}" for rate in rates), "30 passes"], rows)
    return "\n".join([*lines, "", "Command:", "", "```", record["command"], "```", ""])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
