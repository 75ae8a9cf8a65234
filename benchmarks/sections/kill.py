"""Killed and resumed."""

from typing import Any


def section(rows: list[dict[str, Any]]) -> str:
    """What was hit, and whether anything was lost."""
    row = rows[0]
    late = row["kills"].get("nothing, it was over", 0)
    hits = {what: number for what, number in sorted(row["kills"].items()) if not what.startswith("nothing")}
    hit = ", ".join(f"{number} {what}" for what, number in hits.items())
    lines = [
        "## Killed and resumed",
        "",
        f"`{row['command']}`; {row['machine']}; commit {row['commit']}.",
        "",
    ]
    lines += [
        f"{sum(hits.values())} times `kill -9` at random moments of {row['trainings']} trainings of "
        f"{row['steps']} steps, in {row['seconds']} seconds; {late} more came too late. What was hit: {hit}.",
        "Ended with the weights, optimiser state and log of a training that nobody disturbed, bit for bit: "
        f"{row['identical']} of {row['trainings']}.",
    ]
    return "\n".join([*lines, ""])
