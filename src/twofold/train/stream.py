"""The stream of batches: order, views and prefetching."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.batch import Batch, View
from twofold.core.source import Images
from twofold.views.maker import ViewMaker

T = TypeVar("T")


@dataclass(frozen=True)
class Stream:
    """Batches of views of one split; a pure function of (seed, epoch, position in the epoch).

    Args:
        images: What is looked at.
        views: Draws and renders the views.
        batch_size: Images a batch of all processes; the last, incomplete one of an epoch is dropped.
        seed: Of the order.
        labels: Whether ``targets["label"]`` is filled: only for methods that learn from labels.
        ahead: Batches made in the background while the model works, where it works on another device; for
            a GPU in memory that it can read by itself. On a CPU both would fight for the same cores: a step
            with views takes 1.4 times as long then.
        part: Which part of every batch is made: the rank of this process.
        parts: How many parts of equal length there are.
    """

    images: Images
    views: ViewMaker
    batch_size: int
    seed: int
    labels: bool = False
    ahead: int = 0
    part: int = 0
    parts: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch; at least one is needed."""
        return len(self.images) // self.batch_size

    def order(self, epoch: int, weights: Float[Tensor, " n"] | None = None) -> Int[np.ndarray, " n"]:
        """Rows in the order of this epoch; drawn with replacement where weights are given."""
        draw = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        n = len(self.images)
        if weights is None:
            return draw.permutation(n)
        shares = weights.double().numpy()
        return draw.choice(n, size=n, p=shares / shares.sum())

    def batches(
        self, epoch: int, first: int = 0, weights: Float[Tensor, " n"] | None = None
    ) -> Iterator[Batch]:
        """This part of the batches of an epoch, from position ``first`` on."""
        order = self.order(epoch, weights)
        before = _times_before(order) if weights is not None else np.zeros_like(order)
        batches = self._make(order, before, epoch, first)
        if not self.ahead:
            return batches
        if torch.cuda.is_available():
            batches = (with_each(batch, _pinned) for batch in batches)
        return _prefetched(batches, self.ahead)

    def _make(
        self, order: Int[np.ndarray, " n"], before: Int[np.ndarray, " n"], epoch: int, first: int
    ) -> Iterator[Batch]:
        share = self.batch_size // self.parts
        for position in range(first, self.steps_per_epoch):
            start = position * self.batch_size + self.part * share
            own = slice(start, start + share)
            items = order[own]
            batch = self.views(self.images.read(items), items, epoch, before[own])
            if self.labels and self.images.labels is not None:
                batch = batch._replace(targets={"label": torch.from_numpy(self.images.labels[items])})
            yield batch


def _times_before(order: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """How often each place's row stands at earlier places."""
    by_row = order.argsort(kind="stable")
    rows, places = order[by_row], np.arange(len(order))
    first = np.maximum.accumulate(np.where(np.diff(rows, prepend=-1) != 0, places, 0))
    before = np.empty_like(order)
    before[by_row] = places - first
    return before


def with_each(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with each of its tensors changed."""
    views = tuple(
        View(change(view.pixels), change(view.frame), None if view.tag is None else change(view.tag))
        for view in batch.views
    )
    targets = {name: change(target) for name, target in batch.targets.items()}
    return Batch(views, change(batch.item), change(batch.size), targets)


def _pinned(tensor: Tensor) -> Tensor:
    """A copy in memory that a GPU can read by itself; rows that are one and the same get a place each."""
    return torch.empty_like(tensor, pin_memory=True).copy_(tensor)


def _prefetched(batches: Iterator[T], depth: int) -> Iterator[T]:
    """Runs ``batches`` in a thread, at most ``depth`` ahead; its errors surface here."""
    ready: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def put(what: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ready.put(what, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # whatever it is, the consumer has to see it
            put(error)

    thread = threading.Thread(target=work, name="views", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
