"""Pre-training from files beside lightly."""

from statistics import median
from typing import Any

from sections.tables import machine_in_words, table


def section(record: dict[str, Any]) -> str:
    """Pre-training from files, beside lightly."""
    lines = ["## From JPEG files to moved weights", "", f"`{record['command']}`; commit {record['commit']}."]
    lines += [machine_in_words(record["machine"]), ""]
    lines += ["SimCLR with the same encoder, batch, recipe, head and optimiser in every loop:"]
    lines += [
        f"`{record['settings']}`. Medians of rounds in which the loops took turns, after warm-up; lightly has"
    ]
    lines += [f"the number of loading processes with which it is fastest here ({record['workers']}).", ""]
    paces = {name: median(rounds) for name, rounds in record["rounds"].items()}
    rows = [
        [f"`{name}`" if name.startswith("twofold") else name, f"{pace:.0f}", f"{pace / paces['lightly']:.2f}"]
        for name, pace in paces.items()
    ]
    lines += table(["loop", "images/s", "times lightly"], rows)
    for row in record["reached"]:
        looks = ", ".join(f"{100 * look['knn']:.1f}" for look in row["looks"])
        last = row["looks"][-1]
        reached = f"{100 * last['knn']:.1f} % of `val` by k-NN after {last['minutes']:.1f} minutes"
        lines += ["", f"{row['arm']}: {reached}, {last['epoch']} epochs (after each epoch: {looks})."]
    return "\n".join([*lines, ""])
