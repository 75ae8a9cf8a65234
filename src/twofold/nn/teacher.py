"""A slowly moving copy of some networks, which makes their targets or keys."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from twofold.core.batch import Progress


class Teacher(nn.Module):
    """Exponential moving average of the networks given by name, heads included; never trained.

    It starts as their copy. Only parameters follow: batch-norm statistics come from the teacher's own
    forward passes, in train mode.

    Args:
        students: The networks to follow, in the order in which they are applied.

    Reference:
        He et al., CVPR 2020, arXiv:1911.05722, equation 2; Grill et al., NeurIPS 2020,
        arXiv:2006.07733, equation 1.
    """

    def __init__(self, **students: nn.Module) -> None:
        super().__init__()
        self._students = students  # a plain dict: the students are not part of the teacher
        for name, student in students.items():
            self.add_module(name, copy.deepcopy(student).requires_grad_(False))

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """The copies one after the other; no gradient."""
        for network in self.children():
            x = network(x)
        return x

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Moves every parameter: ``momentum`` of its own and the rest of its student's."""
        own: list[Tensor] = list(self.parameters())
        followed: list[Tensor] = [p for student in self._students.values() for p in student.parameters()]
        torch._foreach_lerp_(own, followed, 1 - momentum)


def cosine_momentum(start: float, progress: Progress, end: float = 1.0) -> float:
    """Momentum that rises from ``start`` to ``end`` along half a cosine (BYOL, 2006.07733, section 3.3)."""
    return end - (end - start) * (math.cos(math.pi * progress.fraction) + 1) / 2
