"""What teaching adds where few images are labelled: SimCLR v2's three steps, beside what each replaces.

    python benchmarks/distillation.py RUN cifar10.zip --minutes 6

``RUN`` is a pre-training on the data by ``simclr_v2``. Of ``train`` a tenth of each class keeps its label.
These labels alone train a network from scratch, fit a linear head to the run, and fine-tune the run from the
middle of its head. The two that were trained become teachers: a student that starts from random weights
learns what they say of all images of ``train``, without a label. All are judged on ``val``, on which nothing
is selected.

The record is ``docs/results/distillation.json``; ``python benchmarks/results.py`` makes a page of it. On two
cores this takes twice the minutes and about ten more.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from record import commit, keep, machine_of, twofold
from twofold.core.run import RunFolder
from twofold.core.source import Images, Source
from twofold.data import open_source
from twofold.data.screen import Screen
from twofold.evaluations._look import Look
from twofold.evaluations._parts import parts_of
from twofold.evaluations._task import labels_of
from twofold.metrics.intervals import wilson
from twofold.nn.class_network import load_class_network
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder
from twofold.train.engine import Engine


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("data")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    spec = json.loads((wanted.run / "spec.json").read_text())
    source = open_source(wanted.data)
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(wanted, spec, source, Path(folder))
    words = f"RUN {Path(wanted.data).name} --share {wanted.share} --minutes {wanted.minutes:g}"
    keep(
        "distillation",
        {
            "command": f"python benchmarks/distillation.py {words} --seed {wanted.seed}",
            "run": {"method": spec["method"]["name"], "epochs": spec["epochs"], "seed": spec["seed"]},
            "labelled": rows[0]["labelled"],
            "rows": rows,
            "commit": commit("src", "benchmarks"),
            "machine": machine_of(spec),
        },
    )


def measured(
    wanted: argparse.Namespace, spec: dict[str, Any], source: Source, folder: Path
) -> list[dict[str, Any]]:
    """A row for each way, the ways that are taught after their teachers."""
    table = folder / "labels.csv"
    labelled = some_labels(source.splits["train"], source.classes, wanted.share, wanted.seed, table)
    random = f"random:{spec['encoder']['name']}"
    rows = []

    def row(way: str, words: Sequence[str], seconds: float, encoder: Encoder, head: nn.Module) -> None:
        right = accuracy(encoder, head, source.splits["val"])
        estimate = wilson(int(right.sum()), len(right))
        rows.append(
            {
                "way": way,
                "command": f"twofold {' '.join(words)}",
                "labelled": labelled,
                "seconds": seconds,
                "accuracy": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
        )
        print(f"{way:40} {100 * estimate.value:.1f}%", flush=True)

    def fitted(way: str, subject: str, told: str, *options: str) -> Path:
        out = folder / way.replace(" ", "-")
        given = ["--data", wanted.data, "--labels", str(table), "--seed", str(wanted.seed), "--out", str(out)]
        seconds = twofold("fit", subject, *options, *given)
        network = load_class_network(out)
        row(way, ["fit", told, *options, "--labels", "FEW.csv"], seconds, network.encoder, network.head)
        return out

    def taught(way: str, teacher: Path, told: str) -> None:
        out = folder / way.replace(" ", "-")
        length = ["--minutes", f"{wanted.minutes:g}", "--seed", str(wanted.seed)]
        seconds = twofold("distill", wanted.data, "--teacher", str(teacher), *length, "--out", str(out))
        (made,) = out.glob("*/spec.json")
        student = RunFolder.open(made.parent)
        encoder, head = load_encoder(student.path / "encoder.safetensors"), parts_of(student)["classifier"]
        row(way, ["distill", Path(wanted.data).name, "--teacher", told, *length], seconds, encoder, head)

    fitted("linear head", str(wanted.run), "RUN")
    scratch = fitted("from scratch", random, random, "--finetune")
    tuned = fitted("fine-tuned from the head", str(wanted.run), "RUN", "--finetune", "--from-head", "1")
    taught("taught by from scratch", scratch, "FROM_SCRATCH")
    taught("taught by fine-tuned", tuned, "FINE_TUNED")
    return rows


def some_labels(images: Images, classes: Sequence[str], share: float, seed: int, table: Path) -> int:
    """Writes the labels of a share of each class; how many there are."""
    labels, random = labels_of(images), np.random.default_rng(seed)
    kept = [
        rows[: max(1, round(share * len(rows)))]
        for number in range(len(classes))
        for rows in [random.permutation(np.flatnonzero(labels == number))]
    ]
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows([images.paths[row], classes[labels[row]]] for row in np.concatenate(kept))
    return int(sum(map(len, kept)))


def accuracy(encoder: Encoder, head: nn.Module, images: Images) -> np.ndarray:
    """Whether each image is classified rightly."""
    engine = Engine.start()
    network = engine.place(nn.Sequential(encoder, head).eval())
    look = Look(network, encoder.spec["size"], encoder.spec["channels"], engine, Screen(speaks=False))
    found: np.ndarray = look.features(images).argmax(dim=1).cpu().numpy() == labels_of(images)
    return found


if __name__ == "__main__":
    main()
