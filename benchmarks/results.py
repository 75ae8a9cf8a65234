"""Makes ``docs/results.md`` from the JSON files that the benchmarks keep beside it.

python benchmarks/results.py
"""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
CORES = {1: "one core", 2: "two cores"}
HEAD = """# Results

Every figure here was measured; the command that made it stands beside it, and the raw record, with
settings, commit and machine, is in `docs/results/`. Made by `python benchmarks/results.py`.
"""


def main() -> None:
    parts = [HEAD]
    for name, section in SECTIONS.items():
        path = DOCS / "results" / f"{name}.json"
        if path.is_file():
            parts.append(section(json.loads(path.read_text())))
    (DOCS / "results.md").write_text("\n".join(parts))


def quickstart(rows: list[dict[str, Any]]) -> str:
    """Seeds side by side: what pre-training gives beyond its floors."""
    lines = ["## `twofold quickstart`", "", f"{rows[0]['machine']}; commit {rows[0]['commit']}.", ""]
    columns = [("knn", "k", 200), ("knn", "k", 1), ("linear", None, None)]
    columns += [("few_labels", "per_class", 1), ("few_labels", "per_class", 10)]
    names = ["k-NN, k=200", "k-NN, k=1", "linear", "1 label a class", "10 labels a class"]
    lines += table(["seed", "subject", *names, "seconds"], quickstart_rows(rows, columns))
    commands = [row["command"] for row in rows]
    return "\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""])


def quickstart_rows(rows: list[dict[str, Any]], columns: list[tuple[str, Any, Any]]) -> Iterable[list[str]]:
    for row in rows:
        for subject in dict.fromkeys(score["subject"] for score in row["scores"]):
            cells = [figure(row["scores"], subject, *column) for column in columns]
            shown = "pre-trained" if subject[:2] == "20" else subject
            yield [str(row["seed"]), shown, *cells, f"{row['seconds']:.0f}"]


def methods(rows: list[dict[str, Any]]) -> str:
    """Methods side by side, after so many minutes each, one table a data set."""
    parts = []
    for data, length, cores in dict.fromkeys((row["data"], row["minutes"], row["cores"]) for row in rows):
        some = [row for row in rows if (row["data"], row["minutes"], row["cores"]) == (data, length, cores)]
        lines = [f"## {length:g} minutes of {CORES.get(cores, cores)} on {data}", ""]
        where = dict.fromkeys(f"{row['machine']}; commit {row['commit']}." for row in some)
        if "scores" in some[0]:
            lines += [
                *where,
                "Accuracy on `val`, ± half of the 95% interval; `test` is not touched. Settings",
            ]
            lines += ["were chosen on a part of `train`.", ""]
            head = ["method", "seed", "k-NN, k=200", "k-NN, k=1", "linear", "images/s", "epochs", "seconds"]
            lines += table(head, methods_rows(some))
        else:
            lines += [
                *where,
                "No labels, so nothing to judge. Spread: 1 fills the sphere, 0 is collapse.",
                "",
            ]
            head = [
                "method",
                "seed",
                "images",
                "encoder",
                "view",
                "images/s",
                "epochs",
                "loss",
                "spread",
                "seconds",
            ]
            lines += table(head, unjudged_rows(some))
        commands = [row["command"] for row in some] + ["twofold evaluate RUN ..."] * ("scores" in some[0])
        parts.append("\n".join([*lines, "", "Commands:", "", "```", *commands, "```", ""]))
    return "\n".join(parts)


def unjudged_rows(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    for row in rows:
        first, last = row["losses"]
        yield [
            f"`{row['method']}`",
            str(row["seed"]),
            f"{row['images']:,}",
            row["encoder"],
            f"{row['view_size']} px",
            f"{row['images_per_second']:.0f}",
            f"{row['epochs']:g}",
            f"{first:.2f} → {last:.2f}",
            f"{row['spread']:.2f}",
            f"{row['seconds']:.0f}",
        ]


def methods_rows(rows: list[dict[str, Any]]) -> Iterable[list[str]]:
    def figures(scores: list[dict[str, Any]], subject: str) -> list[str]:
        knn = [figure(scores, subject, "knn", "k", k) for k in (200, 1)]
        return [*knn, figure(scores, subject, "linear", None, None)]

    floors = [s for s in dict.fromkeys(score["subject"] for score in rows[0]["scores"]) if s[:2] != "20"]
    for subject in floors:
        yield [subject, "", *figures(rows[0]["scores"], subject), "", "", ""]
    for row in rows:
        own = next(score["subject"] for score in row["scores"] if score["subject"][:2] == "20")
        pace = [f"{row['images_per_second']:.0f}", f"{row['epochs']:g}", f"{row['seconds']:.0f}"]
        yield [f"`{row['method']}`", str(row["seed"]), *figures(row["scores"], own), *pace]


def end_to_end(record: dict[str, Any]) -> str:
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


def step(record: dict[str, Any]) -> str:
    """Encoder steps and NT-Xent."""
    lines = ["## A training step", "", f"`{record['command']}`; commit {record['commit']}."]
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


def machine_in_words(machine: dict[str, Any]) -> str:
    return f"{machine['processor']} ({', '.join(machine['instructions'])}), {machine['cores']} cores."


def views(record: dict[str, Any]) -> str:
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
        lines += [f"Cores: {cores}", "", *table(["", *settings], views_rows(rows, settings)), ""]
    lines += [f"- {line}" for line in views_differences(record["rows"])]
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
    lines += table(["size", "by", *parts, "bytes", "operations"], views_costs(record, parts))
    return "\n".join([*lines, ""])


def views_rows(rows: list[dict[str, Any]], settings: list[str]) -> Iterable[list[str]]:
    found = {(row["arm"], row["setting"]): row for row in rows}
    for arm in dict.fromkeys(row["arm"] for row in rows):
        cells = []
        for setting in settings:
            row = found.get((arm, setting))
            ratio = f" ({row['ratio']:.2f})" if row and row["ratio"] else ""
            mark = " \\*" if row and row.get("differs") else ""
            cells.append(f"{row['median']:,.0f}{ratio}{mark}" if row else "-")
        yield [arm, *cells]


def views_differences(rows: list[dict[str, Any]]) -> Iterable[str]:
    for row in rows:
        if row.get("differs"):
            yield f"\\* {row['arm']} makes other views at {row['setting']}: {'; '.join(row['differs'])}"


def views_costs(record: dict[str, Any], parts: list[str]) -> Iterable[list[str]]:
    for cost in record["costs"]:
        micro = [f"{cost['microseconds'][p]:.1f}" if p in cost["microseconds"] else "" for p in parts]
        least = [f"{1e6 * cost[kind] / record['limits'][kind]:.1f}" for kind in ("bytes", "operations")]
        yield [cost["setting"], cost["arm"], *micro, *least]


def evaluate(record: dict[str, Any]) -> str:
    """A probe and a search beside other libraries."""
    lines = [
        "## Judging features",
        "",
        f"`{record['command']}`, commit {record['commit']}.",
        machine_in_words(record["machine"]),
        "",
    ]
    lines += ["Quality is the accuracy of a probe, and the share of the true neighbours of a search.", ""]
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
    large = record["large"]
    lines += [
        "",
        f"In a bank of {large['rows']:,} x 512, {large['queries']:,} queries took {large['seconds']:.1f} s "
        f"and {large['mebibytes']:,.0f} MiB beyond the bank.",
    ]
    return "\n".join([*lines, ""])


def kill(rows: list[dict[str, Any]]) -> str:
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


def fuzz(rows: list[dict[str, Any]]) -> str:
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


def figure(scores: list[dict[str, Any]], subject: str, evaluation: str, key: Any, value: Any) -> str:
    for score in scores:
        wanted = score["subject"] == subject and score["evaluation"] == evaluation
        if wanted and score["metric"] == "accuracy" and (key is None or score["protocol"].get(key) == value):
            return f"{100 * score['value']:.1f} ± {50 * (score['high'] - score['low']):.1f}"
    return "-"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


SECTIONS = {
    "quickstart": quickstart,
    "methods": methods,
    "end_to_end": end_to_end,
    "step": step,
    "views": views,
    "evaluate": evaluate,
    "kill": kill,
    "fuzz": fuzz,
}
"""What makes a section of the page of each file."""


if __name__ == "__main__":
    main()
