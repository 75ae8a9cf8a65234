"""How many steps a training has: from passes over the data, or from minutes on this machine."""

import copy
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from statistics import median

from twofold.core import dist
from twofold.train.loop import Training, fit
from twofold.train.optim import make_optimizer
from twofold.train.resolve import Resolved

SPARED = 0.04
"""Share of the minutes that is left for measuring, checkpoints and the log."""

_MEASURED = 0.01
"""Share of the minutes in which the speed is measured; a few steps are too few where other work disturbs."""

_MEASURED_AT_MOST = 10.0  # seconds
_WARMING, _FEWEST = 2, 4  # steps that are not timed, and that are at least
_LONG = 10_000
"""Steps of a training that is only measured: so many that rates have not risen when it ends."""


def number_of_steps(
    resolved: Resolved, images: int, make: Callable[[], Training], tell: Callable[[str], None]
) -> int:
    """At least one step; minutes are divided by the time of a few steps, as the first process measures it.

    Args:
        resolved: What is trained, for how long.
        images: How many there are to train on.
        make: Builds the training whose steps are measured.
        tell: Is told what was measured.
    """
    per_epoch = images // resolved.batch_size
    if resolved.minutes is None:
        assert resolved.epochs is not None
        return max(1, round(resolved.epochs * per_epoch))
    tell("measuring the speed of a step ...")
    seconds = min(_MEASURED_AT_MOST, 60 * resolved.minutes * _MEASURED)
    pause = dist.from_first(seconds_a_step(make(), seconds))
    steps = max(1, int(resolved.minutes * 60 * (1 - SPARED) / pause))
    tell(
        f"{resolved.batch_size / pause:.0f} images/s: {resolved.minutes:g} minutes are {steps} steps, "
        f"{steps / per_epoch:.1f} epochs"
    )
    return steps


def seconds_a_step(training: Training, seconds: float) -> float:
    """Median time of a step with its views, on a copy that is thrown away.

    Args:
        training: As it will begin.
        seconds: About how long to measure; at least a few steps are made.
    """
    trial = copy.copy(training)
    trial.method = training.engine.place(copy.deepcopy(training.method))  # a copy is not compiled any more
    trial.optimizer = make_optimizer(training.spec, trial.method.param_groups())
    trial.step, trial.total = 0, _LONG
    watch = _Stopwatch(seconds)
    with suppress(_Enough):
        fit(trial, watch)
    return watch.pause


class _Enough(Exception):  # noqa: N818  (no error: it ends the training)
    """Enough steps were timed."""


class _Stopwatch:
    """Times steps, the first ones apart, and stops the training after some seconds of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stamps: list[float] = []
        self._wanted = _FEWEST

    def __call__(self, *_: object) -> None:
        """Called after each step."""
        self._stamps.append(time.monotonic())
        timed = len(self._stamps) - _WARMING
        if timed == _FEWEST:
            self._wanted = int(dist.from_first(max(_FEWEST, self._seconds / self.pause)))
        if timed >= self._wanted:
            raise _Enough

    @property
    def pause(self) -> float:
        """Median seconds between two steps."""
        return median(b - a for a, b in pairwise(self._stamps[_WARMING - 1 :]))
