"""What is measured of a step that is logged. The scorers are pure functions in ``metrics/``."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from twofold.core.batch import Step
from twofold.metrics.collapse import alignment, channel_spread, effective_rank, uniformity
from twofold.metrics.entropy import information, mean_entropy, share_used
from twofold.metrics.similarity import hardest_negative, positive_similarity

_ROWS = 512
"""Images that are looked at: more would make the rank, which costs their cube, dearer than a step."""


def measure(step: Step) -> dict[str, float]:
    """Figures of what a method has seen in a step; what it did not give is not measured.

    Of ``embedding``: ``std``, the spread of its channels, 1 where it fills the sphere and 0 where all images
    have the same; ``rank``, its effective rank; ``uniformity``. With ``positive``: ``alignment``,
    ``positive`` and ``hardest_negative``, the cosines with the other view of the image and with the most
    similar other image. Of ``assignment``: ``assignment_entropy`` in nats, ``assignment_use``, the share of
    prototypes in use, and ``assignment_information``, what it tells of an image in nats. A scalar of the
    method's own is logged as it is, also where it is called like one of these. Of more than 512 images, 512
    at even steps are measured.

    Reads tensors of the device, which waits for them: not for every step.
    """
    figures: dict[str, float] = {}
    if "embedding" in step.seen:
        figures |= _of_embeddings(_some(step.seen["embedding"]), step.seen.get("positive"))
    if "assignment" in step.seen:
        p = _some(step.seen["assignment"])
        figures["assignment_entropy"] = mean_entropy(p)
        figures["assignment_use"] = share_used(p)
        figures["assignment_information"] = information(p)
    return figures | {name: value.item() for name, value in step.seen.items() if value.ndim == 0}


def _of_embeddings(one: Tensor, positive: Tensor | None) -> dict[str, float]:
    figures = {"std": channel_spread(one), "rank": effective_rank(one), "uniformity": uniformity(one)}
    if positive is not None:
        other = _some(positive)
        figures["alignment"] = alignment(one, other)
        figures["positive"] = positive_similarity(one, other)
        figures["hardest_negative"] = hardest_negative(one, other)
    return figures


def _some(x: Shaped[Tensor, "n d"]) -> Shaped[Tensor, "m d"]:
    """At most 512 rows, in main memory."""
    rows = torch.linspace(0, len(x) - 1, min(len(x), _ROWS), device=x.device).long()
    return x[rows].cpu()


class GradientNorm:
    """The norm of all gradients together, as the optimiser gets them: summed up and clipped.

    Computed within the optimiser's step, and only when it is wanted: no step but a logged one pays for it.

    Args:
        optimizer: Whose gradients.
        wanted: Is asked before each step.

    Attributes:
        value: That of the last step for which it was wanted, in the units of the loss; None before.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, wanted: Callable[[], bool]) -> None:
        self.value: float | None = None
        self._wanted = wanted
        self._hook = optimizer.register_step_pre_hook(self._read)

    def close(self) -> None:
        """Listens no longer."""
        self._hook.remove()

    def _read(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._wanted():
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            gradients = [p.grad for p in parameters if p.grad is not None]
            self.value = torch.nn.utils.get_total_norm(gradients).item()
