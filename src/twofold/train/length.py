"""How many steps a training has: from passes over the data, or from minutes on this machine."""

import copy
import time
from collections.abc import Callable
from itertools import pairwise

from twofold.core import dist
from twofold.train.loop import Training, fit
from twofold.train.optim import make_optimizer
from twofold.train.resolve import Resolved

SPARED = 0.03
"""Share of the minutes that is left for checkpoints and the log."""


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
    pause = dist.from_first(seconds_a_step(make()))
    steps = max(1, int(resolved.minutes * 60 * (1 - SPARED) / pause))
    tell(
        f"{resolved.batch_size / pause:.0f} images/s: {resolved.minutes:g} minutes are {steps} steps, "
        f"{steps / per_epoch:.1f} epochs"
    )
    return steps


def seconds_a_step(training: Training, steps: int = 4) -> float:
    """Median time of a step with its views, on a copy that is thrown away."""
    trial = copy.copy(training)
    trial.method = copy.deepcopy(training.method)
    trial.optimizer = make_optimizer(training.spec, trial.method.param_groups())
    trial.total = steps + 2
    stamps: list[float] = []

    def watch(*_: object) -> None:
        stamps.append(time.monotonic())

    while len(stamps) < steps + 1:
        trial.step = 0
        fit(trial, watch)
    pauses = sorted(b - a for a, b in pairwise(stamps[1:]))
    return pauses[len(pauses) // 2]
