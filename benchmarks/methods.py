"""What the same few minutes are worth to each method, by the commands a user types: pretrain, then evaluate.

    python benchmarks/methods.py cifar10.zip --minutes 5 --lanes 2 --seeds 0
    python benchmarks/methods.py cifar10.zip --minutes 10 --methods simclr moco_v2 --seeds 0 1 2

With ``--lanes 2`` two runs go on side by side, each on a core of its own. Each row is kept in
``docs/results/methods.json`` with its command, commit and machine as soon as its run is there; rows that are
in the file already, measured on such a processor, are not run again. At the end all runs on labelled images
that have no scores yet are judged by one command, on ``val``. ``docs/results.md`` is made from the file.

Settings are those of the preset that the machine gets by default: chosen on a part of ``train``, in a few
short runs of each method.
"""

import argparse
import json
import os
import threading
from pathlib import Path
from statistics import median
from typing import Any

from lanes import METHODS, cores_of, pretrain, side_by_side
from record import commit, keep, load, machine_of, twofold
from twofold.train.environment import processor


def main() -> None:
    wanted = arguments()
    rows = load("methods")
    titles = [title(wanted, method, seed) for seed in wanted.seeds for method in wanted.methods]
    here = [row for row in rows if row["machine"].startswith(processor())]
    missing = [t for t in titles if not any(t.items() <= row.items() for row in here)]
    print(
        f"{len(titles) - len(missing)} of {len(titles)} rows are kept already; the others take about "
        f"{-(-len(missing) // wanted.lanes) * (wanted.minutes + 0.5):.0f} minutes",
        flush=True,
    )
    one_at_a_time = threading.Lock()

    def run(some: dict[str, Any], lane: int) -> None:
        row = {**some, **pretrained(wanted, some, lane)}
        with one_at_a_time:
            rows.append(row)
            keep("methods", rows)

    side_by_side(missing, wanted.lanes, run)
    judge([row for row in rows if "scores" not in row and row["classes"]], wanted.out)
    keep("methods", rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--lanes", type=int, default=1, help="runs side by side, each on its share of the cores"
    )
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the runs")
    return parser.parse_args()


def title(wanted: argparse.Namespace, method: str, seed: int) -> dict[str, Any]:
    """What makes a row another row."""
    cores = len(os.sched_getaffinity(0)) // wanted.lanes
    data = Path(wanted.data).name
    return {"data": data, "method": method, "seed": seed, "minutes": wanted.minutes, "cores": cores}


def pretrained(wanted: argparse.Namespace, some: dict[str, Any], lane: int) -> dict[str, Any]:
    """One run, on the cores of its lane."""
    cores = cores_of(lane, wanted.lanes)
    options = ["--method", some["method"], "--minutes", f"{some['minutes']:g}", "--seed", str(some["seed"])]
    options += ["--threads", str(len(cores))]
    out = wanted.out / f"{some['method']}-s{some['seed']}-{some['minutes']:g}-{len(cores)}"
    run = pretrain(wanted.data, options, out, cores)
    spec, log = run["spec"], run["log"]
    return {
        "command": " ".join(["twofold pretrain", some["data"], *options]),
        "run": str(run["folder"].relative_to(wanted.out)),
        "seconds": run["seconds"],
        "images": spec["data"]["images"],
        "classes": spec["data"]["classes"],
        "images_per_second": median(line["images_per_second"] for line in log),
        "epochs": spec["epochs"],
        "steps": spec["steps"],
        "losses": [log[0]["loss"], log[-1]["loss"]],
        "spread": log[-1]["std"],
        "alarms": run["alarms"],
        "encoder": spec["encoder"]["name"],
        "view_size": spec["view_size"],
        "batch_size": spec["batch_size"],
        "optimizer": spec["optimizer"],
        "arguments": spec["method"]["arguments"],
        "commit": commit("src"),
        "machine": machine_of(spec),
    }


def judge(rows: list[dict[str, Any]], out: Path) -> None:
    """Judges all runs beside the same floors; every row gets its own accuracies and those of the floors."""
    if not rows:
        return
    twofold("evaluate", *(str(out / row["run"]) for row in rows))
    for row in rows:
        scores = json.loads((out / row["run"] / "scores.json").read_text())
        row["scores"] = [score for score in scores if score["metric"] == "accuracy"]


if __name__ == "__main__":
    main()
