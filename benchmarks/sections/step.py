"""A training step."""

from typing import Any

from sections.tables import machine_in_words, table


def section(records: list[dict[str, Any]]) -> str:
    """Encoder steps and NT-Xent, on every kind of machine."""
    return "\n".join(["## A training step", "", *map(_on_a_machine, records)])


def _on_a_machine(record: dict[str, Any]) -> str:
    lines = [f"`{record['command']}`; commit {record['commit']}."]
    lines += [machine_in_words(record["machine"]), ""]
    lines += [
        f"Forward, backward and SGD on {record['batch']} images of 32 pixels; medians of rounds in which the"
    ]
    lines += [
        f"arms took turns. The largest bf16 product is at {record['peak'] / 1e12:.2f} TFLOP/s. Faults: minor"
    ]
    lines += ["page faults a step.", ""]
    rows = [
        [
            row["encoder"],
            row["arm"],
            f"{row['images_per_second']:.0f}",
            f"{row['ratio']:.2f}",
            f"{100 * row['operations_per_second'] / record['peak']:.0f} %",
            f"{row['faults_per_step']:,}",
            f"{row['start_seconds']:.0f}",
        ]
        for row in record["steps"]
    ]
    head = ["encoder", "arm", "images/s", "to plain bf16", "of the peak", "faults", "start, s"]
    lines += table(head, rows)
    lines += ["", "NT-Xent, forward and backward, float32, vectors of 128:", ""]
    found = {(row["rows"], row["form"]): row for row in record["nt_xent"]}
    rows = []
    for count in dict.fromkeys(row["rows"] for row in record["nt_xent"]):
        cells = [f"{count:,}"]
        for form in ("plain", "blocks"):
            row = found.get((count, form))
            cells += [f"{row['milliseconds']:.1f}", f"{row['mebibytes']:.0f}"] if row else ["-", "-"]
        rows.append(cells)
    lines += table(["vectors", "N x N, ms", "MiB", "blocks, ms", "MiB"], rows)
    return "\n".join([*lines, ""])
