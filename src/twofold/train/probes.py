"""How well features tell classes apart while an encoder trains: for watching, never for choosing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from twofold.core.source import Images
from twofold.metrics.knn import knn_accuracy
from twofold.metrics.ridge import ridge_accuracy
from twofold.train.engine import Engine
from twofold.views.evaluation import evaluation_view

_FEWEST = 100
"""Labelled images that a figure needs to mean anything."""

_AT_ONCE = 500


@dataclass(frozen=True)
class OnlineProbes:
    """k-NN and a linear probe inside the training split: two thirds of a small sample are fitted, one judged.

    They never read another split, so they may be watched without selecting on what is reported. The encoder
    is in eval mode and without gradient: it learns nothing of them.

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

    @property
    def possible(self) -> bool:
        """Whether there are labels enough."""
        return self.images.labels is not None and int((self.images.labels >= 0).sum()) >= _FEWEST

    def __call__(self, encoder: nn.Module) -> dict[str, float]:
        """``knn`` and ``linear``: the shares of the judged third that are classified rightly."""
        assert self.images.labels is not None
        labelled = np.flatnonzero(self.images.labels >= 0)
        rows = np.random.Generator(np.random.Philox(0)).permutation(labelled)[: self.sample]
        features, labels = self._features(encoder, rows), torch.from_numpy(self.images.labels[rows])
        bank = len(rows) * 2 // 3
        split = features[:bank], labels[:bank], features[bank:], labels[bank:]
        return {"knn": knn_accuracy(*split, k=20), "linear": ridge_accuracy(*split)}

    @torch.no_grad()
    def _features(self, encoder: nn.Module, rows: Int[np.ndarray, " n"]) -> Float[Tensor, "n d"]:
        was_training = encoder.training
        encoder.eval()
        parts = [self._embed(encoder, rows[i : i + _AT_ONCE]) for i in range(0, len(rows), _AT_ONCE)]
        encoder.train(was_training)
        return torch.cat(parts)

    def _embed(self, encoder: Callable[..., Tensor], rows: Int[np.ndarray, " n"]) -> Float[Tensor, "n d"]:
        views = evaluation_view(self.images.read(rows), self.size)
        with self.engine.judging():
            return encoder(views.to(self.engine.device)).float().cpu()
