"""How the rates of the small presets were chosen."""

from typing import Any

from sections.tables import table


def section(rows: list[dict[str, Any]]) -> str:
    """A table a length, with a row a method and a column a rate."""
    measured = dict.fromkeys((row["machine"], row["commit"]) for row in rows)
    lines = [
        "## The same tuning for every method",
        "",
        *(f"{machine}; commit {commit}." for machine, commit in measured),
        "Linear probe in percent, at the rate of the small preset of that commit and at multiples of it, as",
        "many steps at each; judged on a tenth of the training images that no run has seen. Half of the 95%",
        "interval is about 1.4 points. Four times the rate was tried where twice the rate was better than",
        "the rate itself by more than that; where it was taken, longer runs tried again, and these decide.",
        "",
    ]
    for minutes in sorted({row["minutes"] for row in rows}):
        lines += [f"{minutes:g} minutes of one core:", ""]
        lines += [*_of_one_length([row for row in rows if row["minutes"] == minutes]), ""]
    return "\n".join(lines)


def _of_one_length(rows: list[dict[str, Any]]) -> list[str]:
    factors = sorted({row["factor"] for row in rows})
    found = {(row["method"], row["factor"]): row for row in rows}
    head = ["method", "batch", "epochs", "rate", *(f"x {factor:g}" for factor in factors)]
    body = []
    for method in sorted({row["method"] for row in rows}):
        own = found[method, 1.0]
        tries = [found.get((method, factor), {}) for factor in factors]
        best = max(one["linear"] for one in tries if "linear" in one)
        shown = [_shown(one, best) for one in tries]
        body.append([f"`{method}`", str(own["batch_size"]), f"{own['epochs']:.1f}", f"{own['lr']:g}", *shown])
    return table(head, body)


def _shown(row: dict[str, Any], best: float) -> str:
    if "linear" not in row:
        return "diverged" if row.get("diverged") else "-"
    figure = f"{100 * row['linear']:.1f}"
    return f"**{figure}**" if row["linear"] == best else figure
