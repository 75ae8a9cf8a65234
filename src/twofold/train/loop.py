"""One loop for every method."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import Method
from twofold.train.engine import Engine, random_state, set_random_state
from twofold.train.not_finite import NotFinite, all_finite, not_finite
from twofold.train.optim import OptimizerSpec, set_rates
from twofold.train.statistics import Statistics
from twofold.train.stream import Stream, with_each
from twofold.views.evaluation import evaluation_view

Watch = Callable[[Progress, Step, float], None]
"""Called after every step with the progress made, what the method returned and the learning rate."""


@dataclass
class Training:
    """What a training consists of, and all that a checkpoint has to hold.

    Args:
        method: What is trained.
        optimizer: Of ``method.param_groups()``.
        spec: The optimiser's schedule.
        stream: Where batches come from.
        engine: Where and how it is computed.
        total: Optimiser steps in all.
        step: Steps already made.
        weights: Sampling weights of this epoch, where the method gave some.
        waited: Seconds spent waiting for batches, for the monitors.
    """

    method: Method
    optimizer: torch.optim.Optimizer
    spec: OptimizerSpec
    stream: Stream
    engine: Engine
    total: int
    step: int = 0
    weights: Float[Tensor, " n"] | None = None
    waited: float = 0.0

    def progress(self) -> Progress:
        """Where the training stands."""
        per_epoch = self.stream.steps_per_epoch
        return Progress(self.step, self.total, self.step // per_epoch, math.ceil(self.total / per_epoch))

    def state_dict(self) -> dict[str, object]:
        """All state that decides how the training goes on."""
        return {
            "method": self.method.state_dict(),
            "optimizer": _plain(self.optimizer.state_dict()),
            "step": self.step,
            **random_state(self.engine.device),
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Goes back to what ``state_dict`` returned."""
        self.method.load_state_dict(state["method"])  # type: ignore[arg-type]
        _load(self.optimizer, state["optimizer"])
        self.step = state["step"]  # type: ignore[assignment]
        set_random_state(state, self.engine.device)
        self.weights = state["weights"]  # type: ignore[assignment]


def fit(training: Training, watch: Watch) -> None:
    """Trains up to ``training.total`` steps; ``watch`` may raise to stop between two steps.

    Raises:
        NotFinite: If the loss is not finite, naming images of that step; all state is as it was before that
            step.
    """
    training.method.train()
    statistics = Statistics(training.method, training.engine.device)
    while training.step < training.total:
        progress = training.progress()
        first = training.step % training.stream.steps_per_epoch
        if first == 0:
            training.weights = training.method.before_epoch(progress.epoch, lambda: embed_all(training))
        for batch in _timed(training, training.stream.batches(progress.epoch, first, training.weights)):
            statistics.keep()
            try:
                step, rate = _one_step(training, batch)
            except NotFinite:
                statistics.restore()
                raise
            training.step += 1
            watch(training.progress(), step, rate)
            if training.step >= training.total:
                break


def _timed(training: Training, batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; the time that each was waited for is counted."""
    while True:
        began = time.monotonic()
        batch = next(batches, None)
        training.waited += time.monotonic() - began
        if batch is None:
            return
        yield batch


def _one_step(training: Training, batch: Batch) -> tuple[Step, float]:
    method, optimizer = training.method, training.optimizer
    progress = training.progress()
    rate = set_rates(optimizer, training.spec, progress)
    with training.engine.autocast():
        step = method(_to(batch, training.engine.device), progress)
    losses = dist.gather(step.loss.detach()[None])
    finite = all_finite(losses)
    step.loss.backward()
    dist.average_gradients(method.parameters())
    if not finite():  # not before: a GPU would wait, with nothing to do, to be read
        method.zero_grad()
        raise not_finite(method, training.stream.images, batch, step, progress)
    method.before_step(progress)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    method.after_step(progress)
    return step._replace(loss=losses.mean()), rate


@torch.no_grad()
def embed_all(training: Training, batch_size: int = 512) -> Float[Tensor, "n d"]:
    """The encoder's features of all training images, in eval mode, in their order.

    Each process embeds its share of them, padded with the last image where they do not divide.
    """
    method, images = training.method, training.stream.images
    share = dist.share(len(images)).numpy()
    was_training = method.training
    method.eval()
    features = []
    for start in range(0, len(share), batch_size):
        rows = share[start : start + batch_size]
        views = evaluation_view(images.read(rows), training.stream.views.view_size)
        with training.engine.judging():
            features.append(method.encoder(views.to(training.engine.device)).cpu())
    method.train(was_training)
    return dist.gather(torch.cat(features))[: len(images)]


def _to(batch: Batch, device: torch.device) -> Batch:
    if device.type == "cpu":
        return batch
    return with_each(batch, lambda tensor: tensor.to(device, non_blocking=True))


def _plain(state: dict[str, object]) -> dict[str, object]:
    """The optimiser's state without its groups' functions, which belong to the method."""
    return {"state": state["state"], "groups": len(state["param_groups"])}  # type: ignore[arg-type]


def _load(optimizer: torch.optim.Optimizer, state: object) -> None:
    """That state into a fresh optimiser, whose groups stay as they are: rates are set anew at every step."""
    assert isinstance(state, dict)
    functions = [{k: v for k, v in group.items() if callable(v)} for group in optimizer.param_groups]
    for group, own in zip(optimizer.param_groups, functions, strict=True):
        for name in own:  # torch copies groups, and with a function of the method the whole method
            del group[name]
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state["state"]})
    for group, own in zip(optimizer.param_groups, functions, strict=True):
        group.update(own)
