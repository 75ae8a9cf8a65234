"""Damaged files."""

from typing import Any

from sections.tables import table


def section(rows: list[dict[str, Any]]) -> str:
    """How many damaged files of each kind were read, and how many refused."""
    row = rows[0]
    lines = ["## Damaged files", "", f"`{row['command']}`; {row['machine']}; commit {row['commit']}.", ""]
    lines += ["Anything but a good load or one sentence is a bug.", ""]
    head = ["kind", "tried", "read", "refused", "bugs"]
    cells = [
        [
            row["kind"],
            f"{row['read'] + row['refused'] + len(row['bugs']):,}",
            f"{row['read']:,}",
            f"{row['refused']:,}",
            f"{len(row['bugs'])}",
        ]
        for row in rows
    ]
    return "\n".join([*lines, *table(head, cells), ""])
