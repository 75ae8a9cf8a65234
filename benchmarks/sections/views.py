"""Views a second."""

from collections.abc import Iterable
from typing import Any

from sections.tables import machine_in_words, table


def section(record: dict[str, Any]) -> str:
    """Views a second of every library, and where the time of ours goes."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = ["## Views a second", "", f"`{record['command']}`; commit {record['commit']}.", ""]
    lines += [machine_in_words(record["machine"])]
    lines += [
        f"{versions}.",
        "",
        "Recipe C of SimCLR, medians of rounds in which the libraries took turns; in",
    ]
    lines += ["brackets the ratio to the best other library in the same column.", ""]
    for cores in dict.fromkeys(row["cores"] for row in record["rows"]):
        rows = [row for row in record["rows"] if row["cores"] == cores]
        settings = list(dict.fromkeys(row["setting"] for row in rows))
        lines += [f"Cores: {cores}", "", *table(["", *settings], _rows(rows, settings)), ""]
    lines += [f"- {line}" for line in _differences(record["rows"])]
    lines += [f"- {arm}: {how}." for arm, how in record.get("departs", {}).items()]
    lines += [f"- missing: {where}: {why}" for where, why in record["missing"].items()]
    copied, computed = (f"{record['limits'][kind] / 1e9:.0f}" for kind in ("bytes", "operations"))
    lines += [
        "",
        "Where the time goes, on one core, in microseconds a view; an operation is timed as what it",
    ]
    lines += [
        f"adds to a crop. The core copies {copied} GB and does {computed} thousand million operations a"
    ]
    lines += ["second; *bytes* and *operations* say how long a view would take if only that counted.", ""]
    parts = ["whole", "draws", "reading", "crop", "flip", "jitter", "gray", "blur"]
    lines += table(["size", "by", *parts, "bytes", "operations"], _costs(record, parts))
    return "\n".join([*lines, ""])


def _rows(rows: list[dict[str, Any]], settings: list[str]) -> Iterable[list[str]]:
    found = {(row["arm"], row["setting"]): row for row in rows}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        cells = []
        for setting in settings:
            row = found.get((arm, setting))
            ratio = f" ({row['ratio']:.2f})" if row and row["ratio"] else ""
            mark = " \\*" if row and row.get("differs") else ""
            cells.append(f"{row['median']:,.0f}{ratio}{mark}" if row else "-")
        yield [arm, *cells]


def _differences(rows: list[dict[str, Any]]) -> Iterable[str]:
    for row in rows:
        if row.get("differs"):
            yield f"\\* {row['arm']} makes other views at {row['setting']}: {'; '.join(row['differs'])}"


def _costs(record: dict[str, Any], parts: list[str]) -> Iterable[list[str]]:
    for cost in record["costs"]:
        micro = [f"{cost['microseconds'][p]:.1f}" if p in cost["microseconds"] else "" for p in parts]
        least = [f"{1e6 * cost[kind] / record['limits'][kind]:.1f}" for kind in ("bytes", "operations")]
        yield [cost["setting"], cost["arm"], *micro, *least]
