"""What N minutes on this machine are worth, by the commands a user types: pretrain, then evaluate.

    python benchmarks/minutes.py cifar10.zip --minutes 10 --methods simclr moco_v2 --seeds 0

Each row is kept in ``docs/results/minutes.json`` with its commands, commit and machine as soon as it is
there; rows that are in the file already are not run again. ``docs/results.md`` is made from the file.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
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
            rows.append({**title, **one_row(wanted.data, method, seed, wanted.minutes)})
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            KEPT.write_text(json.dumps(rows, indent=1) + "\n")


def one_row(data: str, method: str, seed: int, minutes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as out:
        pretrain = ["pretrain", data, "--method", method, "--minutes", f"{minutes:g}", "--seed", str(seed)]
        began = time.monotonic()
        twofold(*pretrain, "--out", out)
        seconds = time.monotonic() - began
        (run,) = Path(out).glob("*/spec.json")
        twofold("evaluate", str(run.parent))
        spec = json.loads(run.read_text())
        log = [json.loads(line) for line in (run.parent / "log.jsonl").read_text().splitlines()]
        scores = json.loads((run.parent / "scores.json").read_text())
        return {
            "commands": [
                "twofold " + " ".join([pretrain[0], Path(data).name, *pretrain[2:]]),
                "twofold evaluate RUN",
            ],
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
            "scores": scores,
            "commit": git("rev-parse", "--short", "HEAD")
            + ("+" if git("status", "--porcelain", "src") else ""),
            "machine": f"{spec['processor']}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, "
            f"torch {spec['torch']}, {spec['precision']}",
        }


def twofold(*words: str) -> None:
    print("twofold", *words, flush=True)
    subprocess.run([sys.executable, "-m", "twofold", *words], check=True)


def git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
