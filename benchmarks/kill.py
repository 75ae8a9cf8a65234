"""Kills a real training at random moments, resumes it until it is done, and compares the bits.

    python benchmarks/kill.py --kills 50 --seed 0

Trainings on a small folder are killed by ``kill -9`` while they pack, step and write checkpoints (one
after every step), one a core at a time: twice while they pack, then by turns at any moment and while a
checkpoint is written. Each is then resumed, killed again, and in the end left alone; its weights and its log
have to be those of a training that nobody disturbed. Kills that come too late do not count. Kept in
``docs/results/kill.json``; ``docs/results.md`` is made from it by ``benchmarks/results.py``.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from record import commit, keep, machine_of
from twofold.core.run import RunFolder
from twofold.nn.weights import load_encoder
from twofold.train.checkpoint import digest, load_checkpoint

IMAGES = 3000
OPTIONS = [
    "--encoder",
    "resnet18_w4",
    "--size",
    "16",
    "--view-size",
    "16",
    "--batch-size",
    "32",
    "--threads",
    "1",
    "--precision",
    "fp32",
    "--checkpoint-minutes",
    "0",
]
EPOCHS = 3
TIMINGS = {"seconds", "images_per_second", "data_wait"}
PACK_WINDOW, STEP_WINDOW = 0.8, 0.4
"""A kill comes within this share of the time that an undisturbed pack, or training, takes."""
PACK_KILLS = 2
"""Of each training."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_images(folder / "images")
        began = time.monotonic()
        whole = Training(folder / "undisturbed", folder / "images")
        seconds = timed(whole)
        undisturbed, spec = whole.result(), whole.run().spec
        print(
            f"undisturbed: packed in {seconds['pack']:.1f} s, trained in {seconds['step']:.1f} s", flush=True
        )
        kills = Kills(wanted.kills, wanted.seed, seconds)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            workers = [pool.submit(work, kills, folder, n) for n in range(pool._max_workers)]
            results = [result for worker in workers for result in worker.result()]
        row = {
            "command": f"python benchmarks/kill.py --kills {wanted.kills} --seed {wanted.seed}",
            "kills": dict(kills.hit),
            "trainings": len(results),
            "identical": sum(result == undisturbed for result in results),
            "steps": spec["steps"],
            "state": undisturbed["state"],
            "seconds": round(time.monotonic() - began),
            "commit": commit("src"),
            "machine": machine_of(spec),
        }
    print(json.dumps(row, indent=1))
    keep("kill", [row])
    sys.exit(row["identical"] != row["trainings"])


def make_images(folder: Path) -> None:
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(IMAGES):
        Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number:04}.png")


def timed(training: "Training") -> dict[str, float]:
    """Seconds that it packs, and that it trains, undisturbed."""
    process = training.start()
    spent: Counter[str] = Counter()
    while process.poll() is None:
        began, doing = time.monotonic(), training.doing()
        time.sleep(0.01)
        spent["step" if doing == "checkpoint" else doing] += time.monotonic() - began
    return {"pack": spent["pack"], "step": spent["step"]}


LATE = "nothing, it was over"


class Kills:
    """How many are left, when they come, and what those that were made have hit."""

    def __init__(self, number: int, seed: int, seconds: dict[str, float]) -> None:
        self.hit: Counter[str] = Counter()
        self._windows = {"pack": PACK_WINDOW * seconds["pack"], "step": STEP_WINDOW * seconds["step"]}
        self._number, self._left, self._random = number, number, random.Random(seed)
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def take(self) -> float | None:
        """A share of the time that may pass until the next kill; None when there are no more."""
        with self._lock:
            if not self._left:
                return None
            self._left -= 1
            return self._random.random()

    def window(self, doing: str) -> float:
        """Seconds within which the next kill comes."""
        return self._windows["pack" if doing == "pack" else "step"]

    def made(self, what: str) -> None:
        with self._lock:
            self.hit[what] += 1
            if what == LATE:
                self._left += 1
            done = sum(self.hit.values()) - self.hit[LATE]
            if not done:
                return
            left = (time.monotonic() - self._began) / done * (self._number - done)
            print(
                f"kill {done} of {self._number} hit: {what}; about {left / 60:.1f} minutes left", flush=True
            )


class Training:
    """One run folder, and the process that trains in it."""

    def __init__(self, place: Path, images: Path) -> None:
        self._images, self._out, self._cache = images, place / "runs", place / "cache"

    def start(self) -> subprocess.Popen[bytes]:
        """Begins it, or goes on with it."""
        words = ["pretrain", str(self._images), *OPTIONS, "--epochs", str(EPOCHS), "--out", str(self._out)]
        if self._runs():
            words = [
                "pretrain",
                "--resume",
                str(self.run().path),
                "--threads",
                "1",
                "--checkpoint-minutes",
                "0",
            ]
        return subprocess.Popen(
            [sys.executable, "-m", "twofold", *words],
            env=os.environ | {"TWOFOLD_CACHE": str(self._cache), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def doing(self) -> str:
        """What it is at, by the files it is writing."""
        if self.done():
            return "report"
        if any(self._out.glob("*/.last.ckpt.*.part")):
            return "checkpoint"
        if self._runs():
            return "step"
        packed = any(self._cache.rglob("index.npz"))  # what a killed pack was writing stays for an hour
        return "between pack and step" if packed or not self._parts() else "pack"

    def at_work_since(self, moment: float) -> bool:
        """Whether it has packed, or written a checkpoint, since then."""
        files = [*self._parts(), *self._out.glob("*/*.ckpt")]
        return any(_changed(file) > moment for file in files)

    def done(self) -> bool:
        """Whether nothing is left to resume."""
        return any(self._out.glob("*/encoder.safetensors"))

    def run(self) -> RunFolder:
        (path,) = self._runs()
        return RunFolder(path)

    def result(self) -> dict[str, str]:
        """All that has to be equal."""
        run = self.run()
        lines = [{k: v for k, v in line.items() if k not in TIMINGS} for line in run.log()]
        return {
            "state": digest(load_checkpoint(run.path / "last.ckpt")),
            "encoder": digest(dict(load_encoder(run.path / "encoder.safetensors").state_dict())),
            "log": digest(lines),
        }

    def _parts(self) -> list[Path]:
        return [*self._cache.rglob("*.seg.*.part")]

    def _runs(self) -> list[Path]:
        return [path.parent for path in self._out.glob("*/spec.json")]


def work(kills: Kills, folder: Path, worker: int) -> list[dict[str, str]]:
    """Trainings one after the other, each killed until it is done, as long as there are kills left."""
    results: list[dict[str, str]] = []
    share = kills.take()
    while share is not None:
        training = Training(folder / f"{worker}-{len(results)}", folder / "images")
        turn = 0
        while share is not None and not training.done():
            disturb(training, share, kills, turn)
            share, turn = kills.take(), turn + 1
        if not training.done():
            training.start().wait()
        results.append(training.result())
        print("a training is done:", results[-1], flush=True)
    return results


def disturb(training: Training, share: float, kills: Kills, turn: int) -> None:
    """Starts it, and kills it at a moment after it was seen at work."""
    began = time.time()
    process = training.start()
    while not training.at_work_since(began) and process.poll() is None:
        time.sleep(0.001)
    if turn < PACK_KILLS:
        time.sleep(share * kills.window("pack"))
    elif turn % 2:
        while training.doing() != "checkpoint" and process.poll() is None:
            time.sleep(0.0002)
    else:
        time.sleep(share * kills.window("step"))
    doing = training.doing()
    process.send_signal(signal.SIGKILL)
    kills.made(doing if process.wait() == -signal.SIGKILL else LATE)


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


if __name__ == "__main__":
    main()
