"""What N minutes on this machine are worth, by the commands a user types: pretrain, then evaluate.

    python benchmarks/minutes.py cifar10.zip --minutes 10 --methods simclr moco_v2 --seeds 0

Each row is kept in ``docs/results/minutes.json`` with its commands, commit and machine as soon as its run
is there; rows that are in the file already are not run again. At the end all runs that have no scores yet
are judged by one command. ``docs/results.md`` is made from the file.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "results" / "minutes.json"


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
    rows: list[dict[str, Any]] = json.loads(KEPT.read_text()) if KEPT.is_file() else []
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
            keep(rows)
    judge([row for row in rows if "scores" not in row], wanted.out)
    keep(rows)


def pretrained(wanted: argparse.Namespace, method: str, seed: int) -> dict[str, Any]:
    options = ["--method", method, "--minutes", f"{wanted.minutes:g}", "--seed", str(seed)]
    before = set(wanted.out.glob("*/spec.json"))
    began = time.monotonic()
    twofold("pretrain", wanted.data, *options, "--out", str(wanted.out))
    seconds = time.monotonic() - began
    (run,) = set(wanted.out.glob("*/spec.json")) - before
    spec = json.loads(run.read_text())
    log = [json.loads(line) for line in (run.parent / "log.jsonl").read_text().splitlines()]
    return {
        "command": " ".join(["twofold pretrain", Path(wanted.data).name, *options]),
        "run": run.parent.name,
        "seconds": round(seconds, 1),
        "images_per_second": median(line["images_per_second"] for line in log),
        "epochs": spec["epochs"],
        "steps": spec["steps"],
        "encoder": spec["encoder"]["name"],
        "view_size": spec["view_size"],
        "batch_size": spec["batch_size"],
        "optimizer": spec["optimizer"],
        "arguments": spec["method"]["arguments"],
        "precision": spec["precision"],
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "src") else ""),
        "machine": f"{spec['processor']}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, "
        f"torch {spec['torch']}, {spec['precision']}",
    }


def judge(rows: list[dict[str, Any]], out: Path) -> None:
    """Judges all runs beside the same floors; every row gets its own scores and those of the floors."""
    if not rows:
        return
    twofold("evaluate", *(str(out / row["run"]) for row in rows))
    for row in rows:
        row["scores"] = json.loads((out / row["run"] / "scores.json").read_text())


def keep(rows: list[dict[str, Any]]) -> None:
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")


def twofold(*words: str) -> None:
    print("twofold", *words, flush=True)
    subprocess.run([sys.executable, "-m", "twofold", *words], check=True)


def git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
