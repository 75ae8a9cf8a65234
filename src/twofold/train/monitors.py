"""What the loop shows and logs while it trains."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from twofold.core.batch import Progress, Step
from twofold.core.source import Images
from twofold.metrics.collapse import channel_spread
from twofold.metrics.knn import knn_accuracy
from twofold.train.engine import Engine
from twofold.views.evaluation import evaluation_view


@dataclass
class Pace:
    """Images a second and time left, from the recent steps."""

    batch_size: int
    began: float = field(default_factory=time.monotonic)
    stamps: list[float] = field(default_factory=list)

    def tick(self) -> None:
        """Counts one step."""
        self.stamps = [*self.stamps[-50:], time.monotonic()]

    @property
    def images_per_second(self) -> float:
        """Over the last 50 steps; 0 before the second step."""
        if len(self.stamps) < 2:
            return 0.0
        return self.batch_size * (len(self.stamps) - 1) / (self.stamps[-1] - self.stamps[0])

    def seconds_left(self, progress: Progress) -> float:
        """Estimate from the recent pace."""
        pace = self.images_per_second
        return (progress.total - progress.step) * self.batch_size / pace if pace else float("nan")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began


@dataclass
class Log:
    """Appends one JSON object a line to ``log.jsonl``.

    Args:
        path: The file.
        every: Steps between two lines; the last step is always written.
    """

    path: Path
    every: int

    def write(self, progress: Progress, step: Step, rate: float, pace: Pace, extra: dict[str, float]) -> None:
        """Writes a line if one is due or there is something extra to say."""
        if progress.step % self.every and progress.step != progress.total and not extra:
            return
        line = {
            "step": progress.step,
            "epoch": progress.epoch,
            "loss": round(step.loss.item(), 6),
            "std": round(spread(step), 4),
            "lr": rate,
            "images_per_second": round(pace.images_per_second, 1),
            "seconds": round(pace.seconds, 1),
            **{name: round(value, 4) for name, value in extra.items()},
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def spread(step: Step) -> float:
    """The collapse gauge: 1 where embeddings fill the sphere evenly, 0 where all are the same."""
    embedding = step.seen.get("embedding")
    return float("nan") if embedding is None else channel_spread(embedding)


@dataclass(frozen=True)
class OnlineKnn:
    """k-NN accuracy inside the training split: two thirds of a small sample vote on the rest.

    It never reads another split, so it may be watched without selecting on what is reported.

    Args:
        images: The training split, with labels.
        size: Side of the evaluation views in pixels.
        engine: Where it is computed.
        sample: Images used in all.
    """

    images: Images
    size: int
    engine: Engine
    sample: int = 3000

    @torch.no_grad()
    def __call__(self, encoder: torch.nn.Module) -> float:
        """Share of the held-out third that its neighbours classify rightly."""
        assert self.images.labels is not None
        labelled = np.flatnonzero(self.images.labels >= 0)
        chosen = np.random.Generator(np.random.Philox(0)).permutation(labelled)[: self.sample]
        was_training = encoder.training
        encoder.eval()
        features = torch.cat(
            [self._embed(encoder, chosen[start : start + 500]) for start in range(0, len(chosen), 500)]
        )
        encoder.train(was_training)
        labels = torch.from_numpy(self.images.labels[chosen])
        bank = len(chosen) * 2 // 3
        return knn_accuracy(features[:bank], labels[:bank], features[bank:], labels[bank:], k=20)

    def _embed(self, encoder: Callable[..., torch.Tensor], rows: np.ndarray) -> torch.Tensor:
        views = evaluation_view(self.images.read(rows), self.size)
        with self.engine.judging():
            return encoder(views.to(self.engine.device)).float().cpu()
