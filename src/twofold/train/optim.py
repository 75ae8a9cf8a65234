"""Optimisers, their parameter groups and schedules."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from twofold.core.batch import Progress


@dataclass(frozen=True)
class OptimizerSpec:
    """How the weights move.

    Args:
        optimizer: ``lars`` keeps the rate inside the momentum (SimCLR); ``lars_out`` multiplies it in
            last (BYOL, Barlow Twins, VICReg, MoCo v3).
        lr: Highest learning rate, used as it is: not scaled by the batch.
        weight_decay: Decoupled for ``adamw``, added to the gradient otherwise.
        momentum: Of ``sgd`` and LARS.
        warmup: Share of the steps over which the rate rises linearly from 0.
        schedule: What follows: half a cosine down to 0, or a constant rate.
    """

    optimizer: Literal["sgd", "adam", "adamw", "lars", "lars_out"] = "sgd"
    lr: float = 0.06
    weight_decay: float = 5e-4
    momentum: float = 0.9
    warmup: float = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"


def make_optimizer(spec: OptimizerSpec, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """The torch optimiser of a method's groups; tied parameters are counted once."""
    listed = [dict(group) for group in groups]
    seen: set[Tensor] = set()
    for group in listed:
        group["params"] = [p for p in group["params"] if p not in seen and not seen.add(p)]  # type: ignore[func-returns-value]
        group.setdefault("trust", True)
    listed = [group for group in listed if group["params"]]
    common: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay}
    match spec.optimizer:
        case "sgd":
            return torch.optim.SGD(listed, momentum=spec.momentum, **common)
        case "adam":
            return torch.optim.Adam(listed, **common)
        case "adamw":
            return torch.optim.AdamW(listed, **common)
        case "lars":
            return Lars(listed, momentum=spec.momentum, rate_inside=True, **common)
        case "lars_out":
            return Lars(listed, momentum=spec.momentum, rate_inside=False, **common)


def set_rates(optimizer: torch.optim.Optimizer, spec: OptimizerSpec, progress: Progress) -> float:
    """Sets every group's rate and decay for this step and returns the common rate.

    ``lr_scale`` and ``weight_decay_scale`` of a group are numbers or functions of the progress.
    """
    rate = spec.lr * schedule(spec, progress)
    for group in optimizer.param_groups:
        group["lr"] = rate * _at(group.get("lr_scale", 1.0), progress)
        group["weight_decay"] = spec.weight_decay * _at(group.get("weight_decay_scale", 1.0), progress)
    return rate


def schedule(spec: OptimizerSpec, progress: Progress) -> float:
    """Share of the highest rate, in [0, 1]; the first step already moves."""
    warm = spec.warmup * progress.total
    if progress.step < warm:
        return min(1.0, (progress.step + 1) / max(warm, 1.0))
    if spec.schedule == "constant":
        return 1.0
    done = (progress.step - warm) / max(1.0, progress.total - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


def _at(value: float | Callable[[Progress], float], progress: Progress) -> float:
    return value(progress) if callable(value) else value


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rates, in the two published forms.

    With ``g = grad + wd w`` and the trust ratio ``r = eta |w| / |g|`` (1 where a norm is 0 or the
    group has ``trust=False``)::

        rate inside (SimCLR):                v = mu v + lr r g;  w = w - v
        rate outside (BYOL and others):      v = mu v + r g;     w = w - lr v

    Reference:
        You, Gitman, Ginsburg: Large Batch Training of Convolutional Networks (arXiv:1708.03888).
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]] | Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        rate_inside: bool,
        eta: float = 1e-3,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": True,
            "rate_inside": rate_inside,
            "eta": eta,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, group)

    def _move(self, w: Tensor, group: dict[str, Any]) -> None:
        g = w.grad.add(w, alpha=group["weight_decay"]) if w.grad is not None else torch.zeros_like(w)
        if group["trust"]:
            w_norm, g_norm = w.norm(), g.norm()
            known = (w_norm > 0) & (g_norm > 0)
            g = g * torch.where(known, group["eta"] * w_norm / g_norm, torch.ones_like(w_norm))
        if group["rate_inside"]:
            g = g * group["lr"]
        state = self.state[w]
        v = state.setdefault("velocity", torch.zeros_like(w))
        v.mul_(group["momentum"]).add_(g)
        w.sub_(v if group["rate_inside"] else v * group["lr"])
