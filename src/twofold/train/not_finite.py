"""A loss that is no number: what was looked at, and what is likely to have caused it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import TwofoldError
from twofold.core.method import Method
from twofold.core.source import Images

_NAMED = 5
"""Images of the step that are named."""


class NotFinite(TwofoldError):  # noqa: N818  (the loss is)
    """The loss of a step is infinite or no number; the step was not taken."""


class Diverged(TwofoldError):  # noqa: N818  (the weights have)
    """The weights are infinite or no numbers, though every loss was one: a gradient was not."""


def not_finite(method: Method, images: Images, batch: Batch, step: Step, progress: Progress) -> NotFinite:
    """The error, which names the step, its images and the likely cause, found by looking.

    Of several processes, all raise what the first whose loss is not finite has to tell.

    Args:
        method: As it was for this step.
        images: All images trained on.
        batch: Of this step.
        step: What the method returned.
        progress: Where the training stands.
    """
    found = (
        f"the loss became {step.loss.item()} at step {progress.step} (epoch {progress.epoch}), "
        f"on {_named(images, batch)}; {_likely_cause(method, images, batch, step)}"
    )
    failed = ~dist.gather(step.loss.detach()[None]).isfinite()
    return NotFinite(dist.told_by(int(failed.nonzero()[0]), found))


def all_finite(losses: Float[Tensor, " processes"]) -> Callable[[], bool]:
    """Asks whether all are; the answer is waited for when it is read.

    A GPU sends it as soon as it has the losses: who reads it when gradients are under way waits for the
    losses alone, and the GPU never for its next orders.
    """
    flag = torch.isfinite(losses).all()
    if flag.device.type != "cuda":
        return lambda: bool(flag)
    there = torch.empty((), dtype=torch.bool, pin_memory=True).copy_(flag, non_blocking=True)
    sent = torch.cuda.Event()
    sent.record()

    def read() -> bool:
        sent.synchronize()
        return bool(there)

    return read


def is_finite(method: Method) -> bool:
    """Whether all weights are, and all statistics numbers below infinity: some begin at minus infinity."""
    return all(map(_finite, method.parameters())) and all(
        bool((b < torch.inf).all()) for b in method.buffers()
    )


def _likely_cause(method: Method, images: Images, batch: Batch, step: Step) -> str:
    """The first thing on the way from image to loss that is not finite."""
    for view in batch.views:
        if not _finite(view.pixels):
            row = int((~torch.isfinite(view.pixels.flatten(1)).all(dim=1)).nonzero()[0])
            path = images.paths[int(batch.item[row])]
            return f"the views of {path} are not finite: give another --recipe (see: twofold views)"
    if not all(map(_finite, method.parameters())):
        return "earlier steps made the weights infinite: give a lower --lr or a longer --warmup"
    embedding = step.seen.get("embedding")
    if embedding is not None and not _finite(embedding):
        return (
            "weights and views are finite, but the embeddings are not: give a lower --lr, or --precision fp32"
        )
    if embedding is not None and (embedding == 0).all(dim=1).any():
        return "an embedding is zero, so that its direction is no number: give a lower --lr"
    return (
        "weights, views and embeddings are finite, so the loss itself goes too far: "
        "look at the method's own settings, such as a --temperature near 0 or, where embeddings are "
        "whitened, a --shrink of 0 or a large --dim"
    )


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _named(images: Images, batch: Batch) -> str:
    """The images of a batch, the first few by path."""
    shown = ", ".join(images.paths[row] for row in batch.item[:_NAMED].tolist())
    rest = len(batch.item) - _NAMED
    return f"the images {shown}" + (f" and {rest} more" if rest > 0 else "")
