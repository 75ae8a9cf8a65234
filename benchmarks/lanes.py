"""Trainings side by side, each on cores of its own, by the command a user types."""

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from twofold.core import registry

T = TypeVar("T")

METHODS = [name for name in registry.names("methods") if name != "distillation"]
"""Those that need no other run to learn from."""


def cores_of(lane: int, lanes: int) -> list[int]:
    """The cores of one of so many lanes."""
    cores = sorted(os.sched_getaffinity(0))
    each = len(cores) // lanes
    return cores[lane * each : (lane + 1) * each]


def side_by_side(tasks: Sequence[T], lanes: int, run: Callable[[T, int], object]) -> None:
    """Calls ``run`` with every task and a lane that is free; the first error ends all."""
    free: queue.Queue[int] = queue.Queue()
    for lane in range(lanes):
        free.put(lane)

    def in_a_lane(task: T) -> None:
        lane = free.get()
        try:
            run(task, lane)
        finally:
            free.put(lane)

    with ThreadPoolExecutor(lanes) as pool:
        for done in [pool.submit(in_a_lane, task) for task in tasks]:
            done.result()


def pretrain(data: str, options: Sequence[str], out: Path, cores: Sequence[int]) -> dict[str, Any]:
    """A run: its folder, its ``spec.json``, the figures and alarms of its log, and the seconds it took."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "twofold", "pretrain", data, *options, "--out", str(out)],
        check=True,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    (spec,) = out.glob("*/spec.json")
    log = [json.loads(line) for line in (spec.parent / "log.jsonl").read_text().splitlines()]
    return {
        "folder": spec.parent,
        "spec": json.loads(spec.read_text()),
        "log": [line for line in log if "loss" in line],
        "alarms": [line["alarm"] for line in log if "alarm" in line],
        "seconds": round(time.monotonic() - began, 1),
    }
