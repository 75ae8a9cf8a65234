"""A queue of past embeddings, equal on all processes and kept in checkpoints."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from twofold.core.errors import UsageError


def fitting_length(length: int, images: int, keys: int) -> int:
    """As many keys as are wanted, but not more than images: of more, an image meets its own past ones.

    Args:
        length: Wanted.
        images: Number of images to learn from.
        keys: Of one step, which find room at least.
    """
    return min(length, max(images, keys))


class Queue(nn.Module):
    """First in, first out; random unit vectors until it is filled.

    What a step adds is staged while the loss is computed and written after it: no batch ever meets
    its own keys here.

    Args:
        length: Number of embeddings kept.
        width: Length of an embedding.

    Attributes:
        keys: What the queue holds, in no order that matters.
    """

    keys: Float[Tensor, "length width"]
    written: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(length, width)))
        self.register_buffer("written", torch.zeros((), dtype=torch.long))
        self._staged: Tensor | None = None

    @property
    def full(self) -> bool:
        """Whether every random vector has been replaced."""
        return int(self.written) >= len(self.keys)

    def check(self, count: int) -> None:
        """Refuses what it cannot take; for who begins to fill it late.

        Args:
            count: Keys of one step, those of all processes.

        Raises:
            UsageError: If they are more than the queue holds.
        """
        if count > len(self.keys):
            raise UsageError(
                f"a queue of {len(self.keys)} cannot take the {count} keys of one step: "
                "make the queue longer or the batch smaller"
            )

    def stage(self, keys: Float[Tensor, "n width"]) -> None:
        """Remembers the keys of this step: those of all processes, in the same order on each.

        Raises:
            UsageError: If a batch is longer than the queue.
        """
        self.check(len(keys))
        self._staged = keys.detach()

    @torch.no_grad()
    def write(self) -> None:
        """Puts what was staged in the place of the oldest keys."""
        if self._staged is None:
            return
        count = len(self._staged)
        rows = (self.written + torch.arange(count, device=self.keys.device)) % len(self.keys)
        self.keys[rows] = self._staged.to(self.keys)
        self.written += count
        self._staged = None
