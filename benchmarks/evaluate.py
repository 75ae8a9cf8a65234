"""A linear probe and k nearest neighbours on 50,000 x 512 features: Twofold beside scikit-learn and faiss.

    pip install -r benchmarks/peers.txt
    python benchmarks/evaluate.py cifar10.zip

The features are those of an untrained ResNet-18 of labelled images. For the probe, 45,000 to fit on and 5,000
to judge on: all have the same penalty and are judged by accuracy. For k-NN all 50,000 are the bank, and
10,000 of them, each moved a little, the queries: an answer is judged by the share of neighbours that float64
finds, too. A bank of a million random rows shows what memory the search takes. Every arm is a process of its
own on all cores, the arms take turns in rounds, and the median of an arm's rounds counts.

The record of every kind of machine is in ``docs/results/evaluate.json``; ``python benchmarks/results.py``
makes a page of it. This takes about ten minutes on two cores, which should have nothing else to do.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from record import commit, cores, keep_here, machine
from step_speed.process import alone

ARMS = "evaluate_speed.arms"
LINEAR = {"twofold": "linear_twofold", "scikit-learn": "linear_scikit_learn"}
KNN = {"twofold": "knn_twofold", "faiss": "knn_faiss", "scikit-learn": "knn_scikit_learn"}
NOISE = 0.1
"""Length of what a query is moved by, as a share of its own."""


def main() -> None:
    wanted = arguments()
    record: dict[str, Any] = {
        "command": command(wanted),
        "commit": commit("src", "benchmarks"),
        "machine": machine(),
        "rows": [],
        "large": None,
    }
    with tempfile.TemporaryDirectory() as folder:
        probe, search = features(wanted, Path(folder))
        for l2 in wanted.l2:
            record["rows"] += compared(f"linear, l2 {l2:g}", LINEAR, (str(probe), l2), wanted.rounds)
            keep_here("evaluate", record)
        record["rows"] += compared("k-NN", KNN, (str(search), wanted.queries), wanted.rounds)
        keep_here("evaluate", record)
    rows, queries = wanted.large
    found = alone(ARMS, "knn_large", rows, 512, queries, threads=cores())
    record["large"] = {"rows": rows, "queries": queries, **found}
    print(f"{rows:,} rows, {queries:,} queries: {found['seconds']:.1f} s, {found['mebibytes']:.0f} MiB more")
    keep_here("evaluate", record)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="labelled images with a train and a val split")
    parser.add_argument("--l2", nargs="+", type=float, default=[1e-2, 1e-4])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--large", nargs=2, type=int, default=[1_000_000, 2_000], help="rows, queries")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def command(wanted: argparse.Namespace) -> str:
    """With all that decides the figures."""
    words = [f"python benchmarks/evaluate.py {Path(wanted.data).name} --l2", *map(str, wanted.l2)]
    words += [f"--queries {wanted.queries} --large", *map(str, wanted.large), f"--rounds {wanted.rounds}"]
    return " ".join(words)


def features(wanted: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """Files of the probe's and of the search's features."""
    from twofold.data import open_source
    from twofold.evaluations._features import features as features_of
    from twofold.evaluations._standardise import standardised
    from twofold.evaluations._task import labels_of, make_task
    from twofold.nn.encoder import Encoder
    from twofold.train.engine import Engine

    source = open_source(wanted.data)
    task = make_task(source)
    torch.manual_seed(0)
    engine = Engine.start()
    statistics = {"mean": list(source.mean), "std": list(source.std)}
    encoder = engine.place(Encoder("resnet18", channels=source.channels, size=96, **statistics).eval())
    fit, judge = (
        features_of(encoder, images, size=32, channels=source.channels, engine=engine)
        for images in (task.fit, task.judge)
    )
    print(f"features: {len(fit):,} and {len(judge):,} x {fit.shape[1]}", flush=True)
    labels = {"fit_labels": labels_of(task.fit), "judge_labels": labels_of(task.judge)}
    scaled = [side.numpy() for side in standardised(torch.from_numpy(fit), torch.from_numpy(judge))]
    np.savez(folder / "probe.npz", fit=scaled[0], judge=scaled[1], **labels)
    bank, named = np.concatenate(scaled), np.concatenate(list(labels.values()))
    random = np.random.default_rng(0)
    some = random.choice(len(bank), min(wanted.queries, len(bank)), replace=False)
    moved = random.standard_normal((len(some), bank.shape[1]), dtype=np.float32)
    moved *= NOISE * np.linalg.norm(bank[some], axis=1, keepdims=True) / bank.shape[1] ** 0.5
    queries = {"judge": bank[some] + moved, "judge_labels": named[some]}
    np.savez(folder / "search.npz", fit=bank, fit_labels=named, **queries)
    return folder / "probe.npz", folder / "search.npz"


def compared(
    what: str, arms: dict[str, str], arguments: tuple[Any, ...], rounds: int
) -> list[dict[str, Any]]:
    """One row an arm; the arms take turns."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, function in arms.items():
            found[name].append(alone(ARMS, function, *arguments, threads=cores()))
    ours = median(one["seconds"] for one in found["twofold"])
    rows = []
    for name, runs in found.items():
        row = {
            "what": what,
            "arm": name,
            "seconds": median(one["seconds"] for one in runs),
            "rounds": [round(one["seconds"], 3) for one in runs],
            "quality": runs[0]["quality"],
        }
        row["ratio"] = round(row["seconds"] / ours, 3)
        rows.append(row)
        print(
            f"{what:18} {name:14} {row['seconds']:8.2f} s  {row['ratio']:.2f} times Twofold's  "
            f"{100 * row['quality']:.2f}%",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    main()
