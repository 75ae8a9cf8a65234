"""Every form of failure is forced in a tiny training and seen named; healthy trainings raise no alarm."""

from typing import Any

import torch

import tiny
from twofold.core.batch import Progress
from twofold.core.method import Method
from twofold.train.alarms import Alarms
from twofold.train.monitors import measure

EPOCH = 12
"""Steps."""


def alarms_of(
    method: Method, optimizer: torch.optim.Optimizer, *, epochs: int = 2, count: int = 32, **changes: Any
) -> dict[str, int]:
    """Names of the alarms of a short training, and the epoch in which each was told."""
    alarms, total, told = Alarms(), EPOCH * epochs, {}
    for step in range(total):
        batch = tiny.make_batch(method, step, count=count)
        seen = tiny.turn(method, optimizer, changes.get("views", lambda b: b)(batch), at(step, total))
        for alarm in alarms(at(step + 1, total), measure(seen)):
            told[alarm.name] = step // EPOCH
    return told


def at(step: int, total: int) -> Progress:
    return Progress(step, total, step // EPOCH, total // EPOCH)


def sgd(method: Method, lr: float = 0.05) -> torch.optim.Optimizer:
    return torch.optim.SGD(method.param_groups(), lr=lr, momentum=0.9)
