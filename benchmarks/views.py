"""Views a second: Twofold beside the libraries in ``benchmarks/peers.txt``, in one run.

    pip install -r benchmarks/peers.txt
    python benchmarks/views.py --photographs imagenet-samples.zip --small cifar10.zip

Recipe C of SimCLR, at 32 pixels (small images in memory), 96 pixels, 224 pixels from squares of 256 pixels
in memory, and 224 pixels from JPEG files, two views a decode; files as they are, and shrunk to a short side
of 256. On one core, and on all this process may use. Every arm is a process of its own, the arms take turns
in rounds, and the median of an arm's rounds counts. On one core the views of all are compared with those of
Twofold's tensor renderer, which the tests compare with a slow reference; a library that makes other views is
marked. The record is ``docs/results/views.json``; ``python benchmarks/results.py`` makes a page of it.

This takes about an hour on two cores, which should have nothing else to do.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from record import KEPT, commit, machine
from view_speed import pictures
from view_speed.agreement import differences
from view_speed.job import Job
from view_speed.limits import limits
from view_speed.process import Arm, Failed
from view_speed.recipe import recipe_c

OUT = KEPT / "views.json"

SETTINGS = {"32": 32, "96": 96, "224": 224, "224 files": 224, "224 short files": 224}
BATCH = {32: 256, 96: 128, 224: 32}
CHECKED = {32: 4096, 96: 2048, 224: 1024}
"""Views that are looked at for agreement."""

REFERENCE = "twofold tensors"
OURS = {
    "twofold avx512": {"TWOFOLD_KERNEL": "require", "TWOFOLD_KERNEL_LEVEL": "avx512"},
    "twofold avx2": {"TWOFOLD_KERNEL": "require", "TWOFOLD_KERNEL_LEVEL": "avx2"},
    "twofold plain": {"TWOFOLD_KERNEL": "require", "TWOFOLD_KERNEL_LEVEL": "plain"},
    REFERENCE: {"TWOFOLD_KERNEL": "off"},
}
PEERS = ("lightly", "torchvision", "kornia", "albumentations", "dali")


def main() -> None:
    wanted = arguments()
    record: dict[str, Any] = {
        "command": command(wanted),
        "commit": commit("src", "benchmarks"),
        "machine": machine(),
        "versions": {},
        "limits": {},
        "departs": {},
        "missing": {},
        "rows": [],
        "costs": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        places = prepared(wanted, Path(folder))
        cores = tuple(sorted(os.sched_getaffinity(0)))
        record["limits"] = limits_of(cores[-1:])
        for setting in wanted.settings:
            for some in dict.fromkeys([cores[-1:], cores]):
                one_setting(setting, places[setting], some, wanted, record)
                wanted.out.write_text(json.dumps(record, indent=1) + "\n")
    if record["missing"]:
        raise SystemExit(f"no figures for: {'; '.join(record['missing'])}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, required=True, help="folder or zip of JPEG files")
    parser.add_argument(
        "--small", type=Path, help="the same for 32 pixels; without it photographs are shrunk"
    )
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--arms", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of one arm's round, at least")
    parser.add_argument("--checked", type=float, default=1, help="share of the check's views")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def prepared(wanted: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """A file of pixels or a folder of JPEG files for each setting."""
    photographs = pictures.colour_photographs(wanted.photographs, limit=1000)
    small = pictures.colour_photographs(wanted.small, limit=10_000) if wanted.small else photographs
    makers: dict[str, Callable[[Path], None]] = {
        "32": lambda place: pictures.write_pixels(small, 32, place),
        "96": lambda place: pictures.write_pixels(photographs, 96, place),
        "224": lambda place: pictures.write_pixels(photographs, 256, place),
        "224 files": lambda place: pictures.write_files(photographs, place),
        "224 short files": lambda place: pictures.write_files(
            [pictures.shrunk(content, 256) for content in photographs], place
        ),
    }
    places = {}
    for setting in wanted.settings:
        suffix = "" if setting.endswith("files") else ".npy"
        places[setting] = folder / f"{setting.replace(' ', '-')}{suffix}"
        makers[setting](places[setting])
    return places


def one_setting(
    setting: str, place: Path, cores: tuple[int, ...], wanted: argparse.Namespace, record: dict[str, Any]
) -> None:
    """Starts the arms, lets them take turns, checks them, keeps the rows."""
    recipe = recipe_c(SETTINGS[setting])
    pixels, files = (None, place) if place.is_dir() else (place, None)
    arms: dict[str, Arm] = {}
    rounds: dict[str, list[float]] = {}

    def ask(name: str, what: str, *rest: Any) -> Any:
        """The arm's answer; None where it failed, which is recorded."""
        try:
            return arms[name].ask(what, *rest)
        except Failed as why:
            lose(name, why)

    def lose(name: str, why: Failed) -> None:
        if name == REFERENCE:
            raise SystemExit(f"{name}: {why}; without it there is nothing to compare")
        record["missing"][f"{name}, {setting}, cores: {len(cores)}"] = str(why)
        print(f"{name}: missing ({why})", flush=True)
        arms.pop(name, None)
        rounds.pop(name, None)

    for name in wanted.arms:
        job = Job(name.split()[0], pixels, files, BATCH[recipe.side], cores, OURS.get(name, {}))
        try:
            arms[name] = Arm(job, recipe)
            record["versions"][job.arm] = arms[name].version
            if departs := ask(name, "departs"):
                record["departs"][job.arm] = departs
        except Failed as why:
            lose(name, why)
    for turn in range(wanted.rounds):
        names = list(arms)
        for name in names[turn % max(1, len(names)) :] + names[: turn % max(1, len(names))]:
            pace = ask(name, "views_per_second", wanted.seconds)
            if pace is not None:
                rounds.setdefault(name, []).append(round(pace, 1))
    found: dict[str, Any] = {}
    if len(cores) == 1:
        views = int(wanted.checked * CHECKED[recipe.side])
        found = {name: ask(name, "statistics", views) for name in list(arms)}
        for name in [name for name in arms if name in OURS]:
            cost = ask(name, "costs", wanted.seconds)
            if cost is not None:
                record["costs"].append({"setting": setting, "arm": name, **cost})
    for arm in arms.values():
        arm.stop()
    record["rows"] += rows(setting, len(cores), rounds, disagreements(found))


def limits_of(core: tuple[int, ...]) -> dict[str, float]:
    """Bytes and operations a second of one core, measured in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=os.sched_setaffinity, initargs=(0, core)) as one:
        return one.submit(limits).result()


def disagreements(statistics: dict[str, Any]) -> dict[str, list[str]]:
    """How the views of each arm differ from the reference's; empty where they agree."""
    expected = statistics.pop(REFERENCE, None)
    if expected is None:
        return {}
    told = {name: differences(found, expected) for name, found in statistics.items() if found is not None}
    for name, lines in told.items():
        for line in lines:
            print(f"warning: {name} makes other views: {line}", flush=True)
    return told


def rows(
    setting: str, cores: int, rounds: dict[str, list[float]], differing: dict[str, list[str]]
) -> list[dict[str, Any]]:
    """One row an arm, with its ratio to the best of the peers."""
    medians = {name: median(values) for name, values in rounds.items()}
    best = max((value for name, value in medians.items() if name not in OURS), default=None)
    found = []
    for name, value in medians.items():
        row: dict[str, Any] = {"setting": setting, "cores": cores, "arm": name}
        row |= {"median": value, "rounds": rounds[name], "ratio": best and round(value / best, 3)}
        if name in differing:
            row["differs"] = differing[name]
        found.append(row)
        mark = " *" if row.get("differs") else ""
        ratio = f"{row['ratio']:.2f} of the best peer" if best else ""
        print(f"{setting:>16} {cores:3} cores  {name:16} {value:10,.0f} views/s  {ratio}{mark}", flush=True)
    return found


def command(wanted: argparse.Namespace) -> str:
    words = ["python benchmarks/views.py --photographs", wanted.photographs.name]
    if wanted.small:
        words += ["--small", wanted.small.name]
    return " ".join([*words, f"--rounds {wanted.rounds} --seconds {wanted.seconds:g}"])


if __name__ == "__main__":
    sys.exit(main())
