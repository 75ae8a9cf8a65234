"""What N minutes on this machine are worth, by the commands a user types: pretrain, then evaluate.

    python benchmarks/minutes.py cifar10.zip --minutes 10 --methods simclr moco_v2 --seeds 0

Each row is kept in ``docs/results/minutes.json`` with its commands, commit and machine as soon as its run
is there; rows that are in the file already are not run again. At the end all runs on labelled images that
have no scores yet are judged by one command. ``docs/results.md`` is made from the file.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from record import commit, keep, load, machine_of, twofold


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--methods", nargs="+", default=["simclr", "moco_v2", "byol", "swav", "pixpro"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the runs")
    wanted = parser.parse_args()
    rows = load("minutes")
    for seed in wanted.seeds:
        for method in wanted.methods:
            title = {
                "data": Path(wanted.data).name,
                "method": method,
                "seed": seed,
                "minutes": wanted.minutes,
            }
            if any(title.items() <= row.items() for row in rows):
                print("kept already:", title)
                continue
            rows.append({**title, **pretrained(wanted, method, seed)})
            keep("minutes", rows)
    judge([row for row in rows if "scores" not in row and row["classes"]], wanted.out)
    keep("minutes", rows)


def pretrained(wanted: argparse.Namespace, method: str, seed: int) -> dict[str, Any]:
    options = ["--method", method, "--minutes", f"{wanted.minutes:g}", "--seed", str(seed)]
    before = set(wanted.out.glob("*/spec.json"))
    seconds = twofold("pretrain", wanted.data, *options, "--out", str(wanted.out))
    (run,) = set(wanted.out.glob("*/spec.json")) - before
    spec = json.loads(run.read_text())
    log = [json.loads(line) for line in (run.parent / "log.jsonl").read_text().splitlines()]
    return {
        "command": " ".join(["twofold pretrain", Path(wanted.data).name, *options]),
        "run": run.parent.name,
        "seconds": seconds,
        "images": spec["data"]["images"],
        "classes": spec["data"]["classes"],
        "images_per_second": median(line["images_per_second"] for line in log),
        "epochs": spec["epochs"],
        "steps": spec["steps"],
        "losses": [log[0]["loss"], log[-1]["loss"]],
        "spread": log[-1]["std"],
        "encoder": spec["encoder"]["name"],
        "view_size": spec["view_size"],
        "batch_size": spec["batch_size"],
        "optimizer": spec["optimizer"],
        "arguments": spec["method"]["arguments"],
        "commit": commit("src"),
        "machine": machine_of(spec),
    }


def judge(rows: list[dict[str, Any]], out: Path) -> None:
    """Judges all runs beside the same floors; every row gets its own scores and those of the floors."""
    if not rows:
        return
    twofold("evaluate", *(str(out / row["run"]) for row in rows))
    for row in rows:
        row["scores"] = json.loads((out / row["run"] / "scores.json").read_text())


if __name__ == "__main__":
    main()
