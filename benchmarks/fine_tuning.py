"""Whether the batch norms of a trained encoder should learn when it is fine-tuned, and at which rates.

    python benchmarks/fine_tuning.py RUN --on mnist fashion_mnist cifar10.zip

Three ways to train on the same few labelled images: from the trained encoder with the batch-norm statistics
that it has, from the same with those of each batch, and from random weights. All is decided on ``train``: so
many of its images are learned from, and 4,000 others are judged on. Each way is trained at every rate for ten
passes, at least a hundred steps, and at its best rate for thirty.

The record is ``docs/results/fine_tuning.json``; ``python benchmarks/results.py`` makes a page of it. On two
cores this takes about ten minutes a data set.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from record import commit, keep, machine_of
from twofold.core.source import Source
from twofold.data import open_source
from twofold.data.parts import Part
from twofold.data.screen import Screen
from twofold.evaluations._features import features
from twofold.evaluations._finetune import OPTIMIZER, finetune
from twofold.evaluations._head import fit_linear, random_head
from twofold.evaluations._task import labels_of
from twofold.nn.class_network import ClassNetwork
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder
from twofold.train.engine import Engine

JUDGED = 4000
STRENGTH = 1e-3
"""Of the penalty of the first head."""

PASSES, LONGER = 10, 30
WAYS = {
    "trained, statistics kept": (True, False),
    "trained, statistics learn": (True, True),
    "random weights": (False, True),
}
"""Whether the encoder is trained, and whether its batch norms learn."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--on", nargs="+", required=True)
    parser.add_argument("--images", nargs="+", type=int, default=[200, 2000])
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-3, 3e-3, 1e-2, 3e-2])
    wanted = parser.parse_args()
    spec = json.loads((wanted.run / "spec.json").read_text())
    record: dict[str, Any] = {
        "command": f"python benchmarks/fine_tuning.py RUN --on {' '.join(Path(on).name for on in wanted.on)} "
        f"--images {' '.join(map(str, wanted.images))} --rates {' '.join(map(str, wanted.rates))}",
        "run": {"method": spec["method"]["name"], "epochs": spec["epochs"]},
        "commit": commit("src", "benchmarks"),
        "machine": machine_of(spec),
        "rows": [],
    }
    trained = load_encoder(wanted.run / "encoder.safetensors")
    for data in wanted.on:
        source = open_source(data, progress=False)
        for images in wanted.images:
            trial = Trial.on(source, images, trained)
            for row in trial.rows(wanted.rates):
                record["rows"].append({"data": Path(data).stem, "images": images, **row})
                print(record["rows"][-1], flush=True)
                keep("fine_tuning", record)


@dataclass(frozen=True)
class Trial:
    """Some images of ``train`` to learn from, and others to judge on."""

    source: Source
    fit: Part
    judge: Part
    trained: Encoder
    engine: Engine

    @classmethod
    def on(cls, source: Source, images: int, trained: Encoder) -> "Trial":
        rows = np.random.default_rng(0).permutation(len(source.splits["train"]))
        fit, judge = rows[:images], rows[-JUDGED:]
        train = source.splits["train"]
        return cls(source, Part(train, fit), Part(train, judge), trained, Engine.start())

    def rows(self, rates: list[float]) -> Iterator[dict[str, Any]]:
        """Every way at every rate, and its best one for longer."""
        for way in WAYS:
            found = {rate: self.accuracy(way, rate, PASSES) for rate in rates}
            for rate, accuracy in found.items():
                yield {"way": way, "rate": rate, "passes": PASSES, "accuracy": accuracy}
            best = max(found, key=lambda rate: found[rate])
            longer = self.accuracy(way, best, LONGER)
            yield {"way": way, "rate": best, "passes": LONGER, "accuracy": longer}

    def accuracy(self, way: str, rate: float, passes: int) -> float:
        trained, learns = WAYS[way]
        encoder = self.trained
        if not trained:
            torch.manual_seed(0)
            encoder = Encoder(**{**encoder.spec, "pretrained": False})
        encoder = self.engine.place(encoder.eval())
        classes = len(self.source.classes)
        if trained:
            h = torch.from_numpy(self._features(encoder, self.fit))
            head = fit_linear(h, torch.from_numpy(labels_of(self.fit)), classes, STRENGTH)
        else:
            head = random_head("linear", encoder.width, classes, 0)
        network = ClassNetwork(
            *finetune(
                encoder,
                head,
                self.fit,
                channels=self.source.channels,
                epochs=passes,
                seed=0,
                engine=self.engine,
                screen=Screen(speaks=False),
                optimizer=replace(OPTIMIZER, lr=rate),
                from_scratch=learns,
            ),
            self.source.classes,
        )
        logits = self._features(network.eval(), self.judge)
        return float((logits.argmax(axis=1) == labels_of(self.judge)).mean())

    def _features(self, network: Any, images: Part) -> np.ndarray:
        size, channels = self.trained.spec["size"], self.trained.spec["channels"]
        found: np.ndarray = features(network, images, size=size, channels=channels, engine=self.engine)
        return found


if __name__ == "__main__":
    main()
