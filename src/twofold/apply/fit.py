"""From an encoder and labelled images to a classifier with an honest score."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.apply.classifier import About, Classifier
from twofold.apply.distance import Distance
from twofold.core.errors import UsageError
from twofold.core.source import Images, Source
from twofold.data.parts import Joined, Part
from twofold.data.screen import Screen
from twofold.evaluations import _scores
from twofold.evaluations._arm import learns_from_scratch
from twofold.evaluations._finetune import FROM_HEAD, FROM_SCRATCH, OPTIMIZER, finetune
from twofold.evaluations._head import fit_linear, fit_mlp, random_head
from twofold.evaluations._look import Look
from twofold.evaluations._subjects import Subject
from twofold.evaluations._task import Embedded, Task, labels_of
from twofold.evaluations.linear import Linear
from twofold.nn.class_network import HeadKind
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine
from twofold.train.optim import OptimizerSpec


@dataclass(frozen=True)
class Wish:
    """What kind of classifier is wanted.

    Args:
        head: ``linear``, or ``mlp`` with one hidden layer.
        finetune: Train the encoder too.
        epochs: Passes over the labelled images in fine-tuning.
        optimizer: ``adamw``, or ``lars`` as SimCLR v2 has it for fine-tuning from the middle of the head.
        seed: Of initial weights, order and views.
    """

    head: HeadKind = "linear"
    finetune: bool = False
    epochs: float = 20.0
    seed: int = 0
    optimizer: Literal["adamw", "lars"] = "adamw"

    @property
    def name(self) -> str:
        """``linear``, ``mlp``, ``linear+finetune`` or ``mlp+finetune``."""
        return f"{self.head}+finetune" if self.finetune else self.head

    @property
    def protocol(self) -> dict[str, Any]:
        """What defines a score of it."""
        tuned: dict[str, Any] = {"epochs": self.epochs} if self.finetune else {}
        if self.optimizer != "adamw":
            tuned["optimizer"] = self.optimizer
        return {"head": self.head, "fit_seed": self.seed, **tuned}


def fit_classifier(
    subject: Subject,
    source: Source,
    task: Task,
    wish: Wish,
    *,
    decode: Mapping[str, Any],
    record: Mapping[str, Any],
    engine: Engine,
    screen: Screen,
) -> Classifier:
    """Fits twice: without the images to judge on, for the scores; then on all labelled images, to be used.

    Args:
        subject: Whose encoder.
        source: Where the images are.
        task: Which of them are held out.
        wish: What kind of classifier.
        decode: How the images were decoded, for ``About.decode``.
        record: Versions and command, for ``About.record``.
        engine: Where it is computed.
        screen: Where progress is shown.

    Raises:
        UsageError: If the subject has no encoder: raw pixels.
    """
    subject = replace(subject, networks=subject.networks[:1])  # of several random ones, one is shipped
    images = _labelled(source, task)
    fitted, judged = len(task.fit), len(task.fit) + len(task.judge)
    fitting = _Fitting(_encoder(subject, engine), source, wish, engine, screen)
    h = fitting.features(fitting.encoder, images)
    look = fitting.look(fitting.encoder)
    protocol = {**task.protocol, **subject.protocol, "precision": engine.precision}
    embedded = Embedded(subject.name, task, h[:fitted], h[fitted:judged], protocol, look)
    from_scratch = wish.finetune and learns_from_scratch(embedded)
    fitting = replace(fitting, from_scratch=from_scratch)
    strength = Linear().strength(embedded) if wish.head == "linear" and not from_scratch else None

    trial, head = fitting.trained(task.fit, embedded.fit, strength)
    if wish.finetune:
        tuned = fitting.features(trial, Part(images, np.arange(judged)))
        embedded = embedded._replace(fit=tuned[:fitted], judge=tuned[fitted:])
    how: dict[str, Any] = {"rate": fitting.optimizer.lr} if wish.finetune else {}
    if from_scratch:
        how["start"] = "random weights"
    scores = _judged(embedded, head, wish.name, {**wish.protocol, **how, **embedded.protocol}, strength)
    encoder, head = fitting.trained(images, h, strength)
    if wish.finetune:
        h = fitting.features(encoder, images)
    about = About(
        classes=source.classes,
        head=wish.head,
        finetuned=wish.finetune,
        origin=subject.name,
        data={"name": source.name, "fingerprint": source.fingerprint, "images": len(images)},
        decode=dict(decode),
        shipped=f"fitted on all {len(images):,} labelled images; "
        f"the scores are those of the same fit on {fitted:,} of them, judged on {judged - fitted:,}",
        scores=scores,
        record={"seed": wish.seed, **record},
    )
    return Classifier(about, encoder, head, Distance.measured(h, embedded.fit, embedded.judge, wish.seed))


@dataclass(frozen=True)
class _Fitting:
    """One kind of classifier, fitted to whatever images are given.

    A random encoder that is trained begins with a random head, and its batch norms learn, as in ``finetune``.
    """

    encoder: Encoder
    source: Source
    wish: Wish
    engine: Engine
    screen: Screen
    from_scratch: bool = False

    @property
    def optimizer(self) -> OptimizerSpec:
        """What trains the encoder."""
        if self.wish.optimizer == "lars":
            return FROM_HEAD
        return FROM_SCRATCH if self.from_scratch else OPTIMIZER

    def look(self, encoder: Encoder) -> Look:
        return Look(encoder, encoder.spec["size"], encoder.spec["channels"], self.engine, self.screen)

    def features(self, encoder: Encoder, images: Images) -> Float[Tensor, "n d"]:
        with self.screen.bar("embedding", len(images)) as advance:
            return self.look(encoder).features(images, advance=advance)

    def trained(
        self, images: Images, h: Float[Tensor, "n d"], strength: float | None
    ) -> tuple[Encoder, nn.Module]:
        """Encoder and head for some images, whose features by the given encoder are ``h``.

        ``strength`` is that of a linear head's penalty.
        """
        head = self._first_head(images, h, strength)
        if not self.wish.finetune:
            return self.encoder, head
        return finetune(
            self.encoder,
            head,
            images,
            channels=self.source.channels,
            epochs=self.wish.epochs,
            seed=self.wish.seed,
            engine=self.engine,
            screen=self.screen,
            from_scratch=self.from_scratch,
            optimizer=self.optimizer,
        )

    def _first_head(self, images: Images, h: Float[Tensor, "n d"], strength: float | None) -> nn.Module:
        classes = len(self.source.classes)
        if self.from_scratch:
            return random_head(self.wish.head, self.encoder.width, classes, self.wish.seed)
        labels = torch.from_numpy(labels_of(images)).to(h.device)
        if strength is None:
            return fit_mlp(h, labels, classes, self.wish.seed)
        return fit_linear(h, labels, classes, strength)


def _encoder(subject: Subject, engine: Engine) -> Encoder:
    network = engine.place(subject.networks[0]())
    if not isinstance(network, Encoder):
        raise UsageError(f"'{subject.name}' is no encoder: give a run, timm:NAME or random:NAME")
    return network


def _labelled(source: Source, task: Task) -> Joined:
    """All labelled images: those to fit on, those to judge on, and those of any other split."""
    used = {*task.fit.paths, *task.judge.paths}
    parts = [task.fit, task.judge]
    for images in source.splits.values():
        if images.labels is not None:
            others = [path not in used for path in images.paths]
            new = np.flatnonzero((images.labels >= 0) & others)
            parts += [Part(images, new)] if len(new) else []
    joined = Joined(parts)
    joined.labels = np.concatenate([labels_of(part) for part in parts])
    return joined


@torch.no_grad()
def _judged(
    embedded: Embedded, head: nn.Module, name: str, protocol: dict[str, Any], strength: float | None
) -> tuple[dict[str, Any], ...]:
    predictions = head(embedded.judge).argmax(dim=1)
    found = {} if strength is None else {_scores.FOUND: {"strength": strength}}
    scores = _scores.of_predictions(embedded, name, predictions, {**protocol, **found})
    return tuple(score.to_json() for score in scores)
