"""Images a second of pre-training, from JPEG files to moved weights, beside lightly, in one run.

    pip install -r benchmarks/peers.txt
    python benchmarks/end_to_end.py cifar10.zip

SimCLR with the same encoder, batch, recipe, head, temperature, optimiser and schedule: the loop of lightly's
documented PyTorch example; the same loop helped with bf16 and channels-last, so that the share of each cause
is known; and ``twofold pretrain``, as it is and with ``--compile``, in one process and with ``--devices 2``.
They take turns in rounds; what counts is the median over the rounds of the pace after warm-up, in images, not
views.

With ``--until 50 60``, the loops of lightly, with and without help, and of Twofold are then trained until the
encoder reaches the last of these k-NN accuracies on ``val`` (k = 200, looked at after every epoch, the clock
stopped meanwhile).

The record of every kind of machine is in ``docs/results/end_to_end.json``; ``python benchmarks/results.py``
makes a page of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from record import ROOT, commit, keep_here, machine

SETTINGS = ["--encoder", "resnet18_w16", "--view-size", "32", "--batch-size", "256"]
LEARNING = ["--recipe", "C_CIFAR", "--lr", "0.3", "--weight-decay", "0.0005", "--temperature", "0.2"]
LEARNING += ["--optimizer", "sgd", "--hidden", "512", "--dim", "128", "--seed", "0"]
OURS = {
    "twofold": [],
    "twofold --compile": ["--compile"],
    "twofold --devices 2": ["--devices", "2"],
    "twofold --devices 2 --compile": ["--devices", "2", "--compile"],
}
PEERS = {"lightly": [], "lightly, bf16 and channels-last": ["--helped"]}
SPEED = ROOT / "benchmarks" / "end_to_end_speed"


def main() -> None:
    wanted = arguments()
    record: dict[str, Any] = {
        "command": f"python benchmarks/end_to_end.py {wanted.data.name} "
        + f"--rounds {wanted.rounds} --seconds {wanted.seconds:g}"
        + told_until(wanted),
        "commit": commit("src", "benchmarks"),
        "machine": machine(),
        "settings": " ".join(SETTINGS + LEARNING),
        "rounds": {},
        "workers": 0,
        "until": wanted.until,
        "reached": [],
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with zipfile.ZipFile(wanted.data) as archive:
            archive.extractall(folder / "images")
        images = next((folder / "images").iterdir())
        os.environ["TWOFOLD_CACHE"] = str(folder / "cache")
        record["workers"] = best_workers(images, wanted.seconds)
        rounds: dict[str, list[float]] = {name: [] for name in (*PEERS, *OURS)}
        names = list(rounds)
        for turn in range(wanted.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                if name in PEERS:
                    pace = peer_pace(images, PEERS[name], record["workers"], wanted.seconds)
                else:
                    pace = own_pace(images, OURS[name], folder / "runs", wanted.seconds, turn)
                rounds[name].append(round(pace, 1))
                print(f"round {turn + 1} of {wanted.rounds}  {name:32} {pace:7.1f} images/s", flush=True)
        record["rounds"] = rounds
        for name, paces in rounds.items():
            print(f"{name:32} {median(paces):7.1f} images/s  {median(paces) / median(rounds['lightly']):.2f}")
        keep_here("end_to_end", record)
        if wanted.until:
            for row in reached(images, wanted, record["workers"]):
                record["reached"].append(row)
                keep_here("end_to_end", record)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="zip of a folder of JPEG files, with train and val")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=40, help="of one arm's round")
    parser.add_argument("--until", type=float, nargs="+", help="k-NN accuracies on val, in percent")
    parser.add_argument("--limit", type=float, default=60, help="minutes of training at most, for --until")
    parser.add_argument("--epochs", type=int, default=30, help="length of the schedule, for --until")
    return parser.parse_args()


def told_until(wanted: argparse.Namespace) -> str:
    if not wanted.until:
        return ""
    shares = " ".join(f"{share:g}" for share in wanted.until)
    return f" --until {shares} --limit {wanted.limit:g} --epochs {wanted.epochs}"


def best_workers(images: Path, seconds: float) -> int:
    """The number of loading processes with which the peer is fastest here."""
    paces = {count: peer_pace(images, [], count, seconds / 2) for count in (0, 1, 2)}
    print("lightly by workers:", {count: round(pace, 1) for count, pace in paces.items()}, flush=True)
    return max(paces, key=lambda count: paces[count])


def peer_pace(images: Path, options: list[str], workers: int, seconds: float) -> float:
    words = [sys.executable, str(SPEED / "lightly_loop.py"), str(images), *options]
    words += ["--workers", str(workers), "--seconds", str(seconds)]
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(json.loads(answer.splitlines()[-1])["images_per_second"])


def own_pace(images: Path, options: list[str], runs: Path, seconds: float, turn: int) -> float:
    """By the command a user types; the median of what its log says after the first fifth."""
    out = runs / f"{turn}{'-'.join(options)}"
    words = [sys.executable, "-m", "twofold", "pretrain", str(images), *SETTINGS, *LEARNING, *options]
    words += ["--minutes", str(seconds / 60), "--labels", "none", "--out", str(out)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (log,) = out.glob("*/log.jsonl")
    paces = [json.loads(line)["images_per_second"] for line in log.read_text().splitlines()]
    return median(paces[len(paces) // 5 :])


def reached(images: Path, wanted: argparse.Namespace, workers: int) -> Iterator[dict[str, Any]]:
    """Minutes and epochs that each loop needs for the accuracies; a row an epoch in ``looks``."""
    common = ["--until", str(max(wanted.until)), "--limit", str(wanted.limit), "--epochs", str(wanted.epochs)]
    peers = {name: ["--workers", str(workers), *options] for name, options in PEERS.items()}
    for name, options in {"twofold": [*SETTINGS, *LEARNING], **peers}.items():
        script = "lightly_loop.py" if name in PEERS else "twofold_loop.py"
        words = [sys.executable, str(SPEED / script), str(images), *common, *options]
        answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        row = {"arm": name, **json.loads(answer.splitlines()[-1])}
        print(row, flush=True)
        yield row


if __name__ == "__main__":
    main()
