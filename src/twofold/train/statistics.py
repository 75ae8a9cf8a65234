"""What a forward pass changes although the step may still be given up."""

import torch
from torch import Tensor, nn

from twofold.train.engine import random_state, set_random_state

_MOVED = ("running_mean", "running_var", "num_batches_tracked")


class Statistics:
    """A copy of the running statistics of all batch norms, and of torch's random states, to go back to.

    Everything else is staged in ``forward`` and changed in ``after_step``. A step whose loss is not finite
    would leave statistics behind that are not finite either.

    Args:
        method: Whose statistics.
        device: Where it is computed.
    """

    def __init__(self, method: nn.Module, device: torch.device) -> None:
        self._own = [buffer for name, buffer in method.named_buffers() if name.endswith(_MOVED)]
        self._kept = [buffer.clone() for buffer in self._own]
        self._device = device
        self._random = random_state(device)

    def keep(self) -> None:
        """Remembers them as they are now."""
        _copy(self._kept, self._own)
        self._random = random_state(self._device)

    def restore(self) -> None:
        """Makes them what they were."""
        _copy(self._own, self._kept)
        set_random_state(self._random, self._device)


@torch.no_grad()
def _copy(into: list[Tensor], source: list[Tensor]) -> None:
    """All at once: a call for each of hundreds of small tensors would cost as much as a small step."""
    if into:
        torch._foreach_copy_(into, source)
