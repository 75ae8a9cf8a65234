"""How the rates of the small presets were chosen."""

from typing import Any

from sections.tables import table


def section(rows: list[dict[str, Any]]) -> str:
    """A row a method, a column a rate."""
    factors = sorted({row["factor"] for row in rows})
    found = {(row["method"], row["factor"]): row for row in rows}
    lines = [
        "## The same tuning for every method",
        "",
        f"{rows[0]['machine']}; {', '.join(dict.fromkeys('commit ' + row['commit'] for row in rows))}.",
        f"Linear probe in percent after {rows[0]['minutes']:g} minutes of one core, at the rate of the small",
        "preset of that commit and at multiples of it; judged on a tenth of the training images that no run",
        "has seen.",
        "",
    ]
    head = ["method", "batch", "rate of the preset", *(f"x {factor:g}" for factor in factors)]
    body = []
    for method in sorted({row["method"] for row in rows}):
        own = found[method, 1.0]
        cells = [found.get((method, factor), {}).get("linear") for factor in factors]
        best = max(cell for cell in cells if cell is not None)
        shown = ["-" if c is None else f"**{100 * c:.1f}**" if c == best else f"{100 * c:.1f}" for c in cells]
        body.append([f"`{method}`", str(own["batch_size"]), f"{own['lr']:g}", *shown])
    return "\n".join([*lines, *table(head, body), ""])
