"""A subject's network, trained further on labelled images; a random one is trained from scratch."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from twofold.core.source import Images
from twofold.data.parts import Part
from twofold.evaluations._finetune import BATCH, FEWEST_STEPS, OPTIMIZER, FineTune, finetune
from twofold.evaluations._head import fit_linear, fit_mlp, random_head
from twofold.evaluations._task import Embedded, channels_of, labels_of
from twofold.nn.class_network import ClassNetwork, HeadKind
from twofold.nn.encoder import Encoder


def learns_from_scratch(embedded: Embedded) -> bool:
    """Whether the subject's network has learned nothing before."""
    return embedded.subject.startswith("random:")


@dataclass(frozen=True)
class Arm:
    """Encoder and head, trained together.

    A trained encoder begins with a head that is fitted to its features, and keeps its batch-norm statistics.
    For a random one that would be no training from scratch: its head is random, too, and its batch norms
    learn.

    Args:
        embedded: The subject, whose network is ``encoder``.
        encoder: Where it starts.
        head: ``linear`` or ``mlp``.
        strength: Of the penalty of the linear head that a trained encoder begins with.
    """

    embedded: Embedded
    encoder: Encoder
    head: HeadKind
    strength: float | None = None

    @property
    def protocol(self) -> dict[str, Any]:
        """Where it starts and how it is trained, for the record."""
        from_scratch = learns_from_scratch(self.embedded)
        return {
            **({} if self.head == "linear" else {"head": self.head}),
            "start": "random weights" if from_scratch else "trained weights, batch-norm statistics kept",
            "batch_size": BATCH,
            "fewest_steps": FEWEST_STEPS,
            "optimizer": OPTIMIZER.optimizer,
            "schedule": f"{OPTIMIZER.schedule}, warm-up over {OPTIMIZER.warmup:g} of the steps",
            "weight_decay": OPTIMIZER.weight_decay,
            "views": str(FineTune.views),
        }

    def trained(self, rows: Int[np.ndarray, " n"], rate: float, epochs: float) -> nn.Module:
        """Images to logits, having learned from some rows of the images to fit on; in eval mode."""
        embedded, look = self.embedded, self.embedded.look
        images = Part(embedded.task.fit, rows)
        encoder, head = finetune(
            self.encoder,
            self._first_head(rows),
            images,
            channels=channels_of(images),
            epochs=epochs,
            seed=embedded.task.seed,
            engine=look.engine,
            screen=look.screen,
            optimizer=replace(OPTIMIZER, lr=rate),
            from_scratch=learns_from_scratch(embedded),
        )
        return ClassNetwork(encoder, head, embedded.task.classes).eval()

    def predicted(self, network: nn.Module, images: Images) -> Int[Tensor, " n"]:
        """The most probable class of each image."""
        return self.embedded.look.features(images, network).argmax(dim=1)

    def _first_head(self, rows: Int[np.ndarray, " n"]) -> nn.Module:
        task, classes = self.embedded.task, len(self.embedded.task.classes)
        if learns_from_scratch(self.embedded):
            return random_head(self.head, self.encoder.width, classes, task.seed)
        features = self.embedded.fit[torch.from_numpy(rows).to(self.embedded.fit.device)]
        labels = torch.from_numpy(labels_of(task.fit)[rows]).to(features.device)
        if self.head == "mlp":
            return fit_mlp(features, labels, classes, task.seed)
        assert self.strength is not None
        return fit_linear(features, labels, classes, self.strength, scaled_like=self.embedded.fit)
