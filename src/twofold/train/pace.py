"""How fast a training goes."""

import time
from collections import deque
from dataclasses import dataclass, field

from twofold.core.batch import Progress

_RECENT = 50
"""Steps that a figure is a mean over."""


@dataclass
class Pace:
    """Images a second, time left and the share of the time spent waiting for data, from the recent steps."""

    batch_size: int
    began: float = field(default_factory=time.monotonic)
    _stamps: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_RECENT + 1), init=False)

    def tick(self, waited: float) -> None:
        """Counts one step.

        Args:
            waited: Seconds that were spent waiting for batches since the training began.
        """
        self._stamps.append((time.monotonic(), waited))

    @property
    def images_per_second(self) -> float:
        """Over the last 50 steps; 0 before the second step."""
        seconds, _ = self._passed
        return self.batch_size * (len(self._stamps) - 1) / seconds if seconds else 0.0

    @property
    def data_wait(self) -> float:
        """Share of the time in which the model waited for its batch, in [0, 1]; 0 before the second step.

        Where views are made by the same processor between two steps, as on a CPU, making them is waiting.
        """
        seconds, waited = self._passed
        return min(1.0, waited / seconds) if seconds else 0.0

    def seconds_left(self, progress: Progress) -> float:
        """Estimate from the recent pace."""
        pace = self.images_per_second
        return (progress.total - progress.step) * self.batch_size / pace if pace else float("nan")

    @property
    def seconds(self) -> float:
        """Since the start; of a run that goes on, those before it stopped count, too."""
        return time.monotonic() - self.began

    @property
    def _passed(self) -> tuple[float, float]:
        """Seconds, and seconds of waiting, between the first and the last stamp."""
        if not self._stamps:
            return 0.0, 0.0
        (first, first_waited), (last, last_waited) = self._stamps[0], self._stamps[-1]
        return last - first, last_waited - first_waited
