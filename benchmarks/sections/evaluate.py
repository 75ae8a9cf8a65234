"""Judging features beside other libraries."""

from typing import Any

from sections.tables import machine_in_words, table


def section(records: list[dict[str, Any]]) -> str:
    """A probe and a search beside other libraries, on every kind of machine."""
    what = "Quality is the accuracy of a probe, and the share of the true neighbours of a search."
    return "\n".join(["## Judging features", "", what, "", *map(_on_a_machine, records)])


def _on_a_machine(record: dict[str, Any]) -> str:
    lines = [f"`{record['command']}`; commit {record['commit']}.", machine_in_words(record["machine"]), ""]
    rows = [
        [
            row["what"],
            row["arm"],
            f"{row['seconds']:.2f}",
            f"{row['ratio']:.2f}",
            f"{100 * row['quality']:.2f}%",
        ]
        for row in record["rows"]
    ]
    lines += table(["what", "by", "seconds", "times Twofold's", "quality"], rows)
    if large := record["large"]:
        lines += [
            "",
            f"In a bank of {large['rows']:,} x 512, {large['queries']:,} queries took "
            f"{large['seconds']:.1f} s and {large['mebibytes']:,.0f} MiB beyond the bank.",
        ]
    return "\n".join([*lines, ""])
