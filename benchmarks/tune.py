"""The same tuning for every method: the rate of its small preset, half of it, and twice it.

    python benchmarks/tune.py cifar10.zip --minutes 3 --lanes 2
    python benchmarks/tune.py cifar10.zip --minutes 3 --lanes 2 --factors 4 --methods w_mse simsiam
    python benchmarks/tune.py cifar10.zip --minutes 6 --lanes 2 --factors 1 0.5 0.25 --methods simsiam

The best rate of a short run need not be that of a longer one: each length has rows, and a table, of its own.

Nothing of what results are reported on is looked at: of the images to train on, the last tenth of each class
is held out and judged by the linear probe, and the others are all there is to learn from. Rows are kept in
``docs/results/tune.json`` as they come; those that are in the file are not run again.
``docs/results.md`` is made from it. Which rate a preset takes is then written into the method's file by hand.
"""

import argparse
import json
import subprocess
import threading
import zipfile
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any

from lanes import METHODS, cores_of, pretrain, side_by_side
from record import commit, keep, load, machine_of, twofold


def main() -> None:
    wanted = arguments()
    data = inner(Path(wanted.data), wanted.out / "inner")
    rows = load("tune")
    one_at_a_time = threading.Lock()

    def row_of(method: str, factor: float) -> dict[str, Any] | None:
        wants = {"method": method, "factor": factor, "minutes": wanted.minutes}
        return next((row for row in rows if wants.items() <= row.items()), None)

    def run(one: tuple[str, float], lane: int) -> None:
        method, factor = one
        preset = row_of(method, 1)
        options = ["--minutes", f"{wanted.minutes:g}"]
        if preset is not None:  # as many steps, whatever else the machine does meanwhile
            options = ["--epochs", f"{preset['epochs']:g}", "--lr", f"{factor * preset['lr']:g}"]
        options = ["--method", method, *options]
        try:
            came = tried(wanted, data, options, lane)
        except subprocess.CalledProcessError:
            if preset is None:
                raise
            came = {name: preset[name] for name in ("batch_size", "minutes", "cores", "commit", "machine")}
            came |= {"lr": factor * preset["lr"], "diverged": True}
        with one_at_a_time:
            rows.append({**came, "method": method, "factor": factor})
            keep("tune", rows)

    for factors in ([1], [factor for factor in wanted.factors if factor != 1]):
        tasks = [(method, factor) for method in wanted.methods for factor in factors]
        side_by_side([task for task in tasks if row_of(*task) is None], wanted.lanes, run)
    judge([row for row in rows if not {"linear", "diverged"} & row.keys()], wanted.out)
    keep("tune", rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a zip file of images in train/CLASS/")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument(
        "--factors",
        type=float,
        nargs="+",
        default=[1, 0.5, 2],
        help="of the preset's rate; 1 comes before all others and tells it and the steps",
    )
    parser.add_argument(
        "--lanes", type=int, default=1, help="runs side by side, each on its share of the cores"
    )
    parser.add_argument("--out", type=Path, default=Path("tuning"), help="folder of the runs")
    return parser.parse_args()


def inner(archive: Path, folder: Path) -> Path:
    """The images to train on, the last tenth of each class apart as ``val``."""
    if folder.is_dir():
        return folder
    with zipfile.ZipFile(archive) as file:
        of_class: dict[str, list[str]] = {}
        for name in sorted(file.namelist()):
            parts = PurePosixPath(name).parts
            if "train" in parts[:-2] and not name.endswith("/"):
                of_class.setdefault(parts[-2], []).append(name)
        for kind, names in of_class.items():
            for place, name in enumerate(names):
                split = "train" if place < len(names) * 9 // 10 else "val"
                target = folder / split / kind / PurePosixPath(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read(name))
    return folder


def tried(wanted: argparse.Namespace, data: Path, options: list[str], lane: int) -> dict[str, Any]:
    """One run."""
    cores = cores_of(lane, wanted.lanes)
    options = [*options, "--threads", str(len(cores))]
    out = wanted.out / "-".join(word.lstrip("-") for word in options)
    run = pretrain(str(data), options, out, cores)
    spec = run["spec"]
    return {
        "lr": spec["optimizer"]["lr"],
        "batch_size": spec["batch_size"],
        "minutes": wanted.minutes,
        "cores": len(cores),
        "command": " ".join(["twofold pretrain", "DATA", *options]),
        "run": str(run["folder"].relative_to(wanted.out)),
        "seconds": run["seconds"],
        "images_per_second": median(line["images_per_second"] for line in run["log"]),
        "epochs": spec["epochs"],
        "commit": commit("src"),
        "machine": machine_of(spec),
    }


def judge(rows: list[dict[str, Any]], out: Path) -> None:
    """The linear probe of every run, on what was held out."""
    if not rows:
        return
    twofold("evaluate", *(str(out / row["run"]) for row in rows), "--evaluations", "linear")
    for row in rows:
        scores = json.loads((out / row["run"] / "scores.json").read_text())
        name = Path(row["run"]).name
        row["linear"] = next(
            score["value"] for score in scores if (score["subject"], score["metric"]) == (name, "accuracy")
        )


if __name__ == "__main__":
    main()
