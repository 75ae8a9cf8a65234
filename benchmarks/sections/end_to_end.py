"""Pre-training from files beside lightly."""

from statistics import median
from typing import Any

from sections.tables import machine_in_words, table


def section(records: list[dict[str, Any]]) -> str:
    """Pre-training from files, beside lightly, on every kind of machine."""
    return "\n".join(["## From JPEG files to moved weights", "", *map(_on_a_machine, records)])


def _on_a_machine(record: dict[str, Any]) -> str:
    lines = [f"`{record['command']}`; commit {record['commit']}."]
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
    if record["reached"]:
        wanted = record["until"]
        lines += ["", "Minutes of training (epochs) until so many percent of `val` are right by k-NN:", ""]
        rows = [
            [row["arm"], *(_reached(row["looks"], share) for share in wanted)] for row in record["reached"]
        ]
        lines += table(["loop", *(f"{share:g}%" for share in wanted)], rows)
        for row in record["reached"]:
            looks = ", ".join(f"{100 * look['knn']:.1f}" for look in row["looks"])
            lines += ["", f"{row['arm']}, after each epoch: {looks}."]
    return "\n".join([*lines, ""])


def _reached(looks: list[dict[str, Any]], share: float) -> str:
    """When it was first seen; else that it was not."""
    look = next((look for look in looks if 100 * look["knn"] >= share), None)
    if look is None:
        return f"not within {looks[-1]['minutes']:.0f}"
    return f"{look['minutes']:.1f} ({look['epoch']})"
