"""What the same few labels give without pre-training: the network trained on them alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from twofold.core.evaluation import Score
from twofold.core.recipe import Recipe
from twofold.core.threads import one_thread
from twofold.data.parts import Part
from twofold.evaluations._features import features
from twofold.evaluations._task import Task
from twofold.evaluations.few_labels import FewLabels
from twofold.methods.supervised import Supervised
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine, seed_everything
from twofold.train.loop import Training, fit
from twofold.train.optim import OptimizerSpec, make_optimizer
from twofold.train.stream import Stream
from twofold.views.maker import ViewMaker

_ADAMW = OptimizerSpec(optimizer="adamw", lr=4e-3, weight_decay=0.05, warmup=0.1)
_BUILDING = threading.Lock()
"""Initial weights come from torch's one global generator."""


@dataclass(frozen=True)
class FromScratch:
    """Supervised training of a fresh network on the labelled images alone.

    Args:
        encoder: Spec of the same architecture.
        recipe: Of whose views the first is used. What makes pre-training strong makes a short supervised
            training weak: crops alone serve it best.
        view_size: Side of the views in pixels.
        passes: How often each labelled image is seen.
        batch_size: Largest batch.
        optimizer: How the weights move.
    """

    encoder: dict[str, Any]
    recipe: Recipe
    view_size: int
    passes: int = 30
    batch_size: int = 50
    optimizer: OptimizerSpec = _ADAMW

    def scores(self, task: Task, few: FewLabels, engine: Engine) -> list[Score]:
        """Its accuracies on the draws of ``few``; as many draws are trained at once as there are threads."""
        drawn = [rows for lists in few.drawn(task) for rows in lists.draws]
        single = replace(engine, threads=1)

        def one(rows: Int[np.ndarray, " labelled"]) -> Int[Tensor, " m"]:
            with one_thread():
                return self._train(task, rows, single)

        with ThreadPoolExecutor(engine.threads) as pool:
            predicted = dict(zip((rows.tobytes() for rows in drawn), pool.map(one, drawn), strict=True))
        about = {
            "passes": self.passes,
            "batch_size": self.batch_size,
            "optimizer": asdict(self.optimizer),
            "views": f"{self.recipe.name}, {self.view_size}x{self.view_size} pixels",
            "view": f"{self.encoder['size']}x{self.encoder['size']} pixels",
            "precision": engine.precision,
        }
        name = f"supervised:{self.encoder['name']}"
        return list(
            few.scores(name, task, lambda rows: predicted[rows.tobytes()], {**about, **task.protocol})
        )

    def _train(self, task: Task, rows: Int[np.ndarray, " labelled"], engine: Engine) -> Int[Tensor, " m"]:
        labelled = Part(task.fit, rows)
        views = ViewMaker(
            replace(self.recipe, views=self.recipe.expanded[:1]),
            seed=task.seed,
            view_size=self.view_size,
            channels=self.encoder["channels"],
        )
        # nothing ahead: as many draws as there are threads are trained at once already
        stream = Stream(labelled, views, min(self.batch_size, len(rows)), task.seed, labels=True)
        with _BUILDING:
            seed_everything(task.seed)
            method = Supervised(lambda **_: Encoder(**self.encoder))
            method.setup(len(rows), len(task.classes), 0)
        optimizer = make_optimizer(self.optimizer, method.param_groups())
        total = self.passes * stream.steps_per_epoch
        training = Training(engine.place(method), optimizer, self.optimizer, stream, engine, total)
        fit(training, lambda *_: None)
        network = torch.nn.Sequential(method.encoder, method.classifier).eval()
        size, channels = self.encoder["size"], self.encoder["channels"]
        logits = features(network, task.judge, size=size, channels=channels, engine=engine)
        return torch.from_numpy(logits).argmax(dim=1)
