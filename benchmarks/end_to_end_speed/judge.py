"""k-NN accuracy on ``val``, the same for whoever trained the encoder."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from twofold.core.source import Images
from twofold.data import open_source
from twofold.metrics.knn import knn_accuracy
from twofold.views.evaluation import evaluation_view


class Judge:
    """Holds the pixels of both splits.

    Args:
        images: Folder with ``train`` and ``val``.
        side: Of the views in pixels.
        mean: What the encoder expects to be subtracted by others; zeros where it does so itself.
        std: What it expects to be divided by.
    """

    def __init__(
        self,
        images: Path,
        side: int,
        mean: tuple[float, ...] = (0, 0, 0),
        std: tuple[float, ...] = (1, 1, 1),
    ) -> None:
        source = open_source(str(images), progress=False)
        self.splits = source.splits["train"], source.splits["val"]
        self.side = side
        self.mean, self.std = torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)

    @torch.no_grad()
    def __call__(self, encoder: nn.Module) -> float:
        """Share of ``val`` that its 200 nearest of ``train`` classify rightly."""
        encoder.eval()
        (bank, bank_labels), (queries, labels) = (self._embed(encoder, split) for split in self.splits)
        encoder.train()
        return knn_accuracy(bank, bank_labels, queries, labels, k=200)

    def _embed(self, encoder: nn.Module, split: Images) -> tuple[Tensor, Tensor]:
        assert split.labels is not None
        features = []
        for start in range(0, len(split), 500):
            views = evaluation_view(split.read(np.arange(start, min(start + 500, len(split)))), self.side)
            with torch.autocast("cpu", torch.bfloat16):
                features.append(encoder((views - self.mean) / self.std).float())
        return torch.cat(features), torch.from_numpy(split.labels)
