"""Optimisers, their parameter groups and schedules."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.batch import Progress

OptimizerName = Literal["sgd", "nesterov", "adam", "adamw", "lars", "lars_out", "larc", "larc_clip"]
Tensors = list[Tensor] | tuple[Tensor, ...]


@dataclass(frozen=True)
class OptimizerSpec:
    """How the weights move.

    Args:
        optimizer: ``nesterov`` is ``sgd`` that looks ahead by its momentum; ``lars`` keeps the rate inside
            the momentum (SimCLR); ``lars_out`` multiplies it in last (BYOL, Barlow Twins, VICReg, MoCo v3);
            ``larc`` is SwAV's; ``larc_clip`` never lets a layer's rate exceed ``lr``, and neither decays nor
            scales biases and norms.
        lr: Highest learning rate, used as it is: not scaled by the batch.
        weight_decay: Decoupled for ``adamw``, added to the gradient otherwise.
        momentum: Of ``sgd``, ``nesterov`` and LARS.
        warmup: Share of the steps over which the rate rises linearly.
        warmup_start: Where it begins to rise, as a share of ``lr``.
        schedule: What follows: half a cosine, a constant rate, or a rate that falls in steps.
        floor: Where the cosine ends, as a share of ``lr``.
        drops: Where the rate falls, as shares of the steps; for ``step``.
        drop: What the rate is multiplied by there.
    """

    optimizer: OptimizerName = "sgd"
    lr: float = 0.06
    weight_decay: float = 5e-4
    momentum: float = 0.9
    warmup: float = 0.05
    warmup_start: float = 0.0
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    floor: float = 0.0
    drops: Sequence[float] = ()
    drop: float = 0.1


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
        case "sgd" | "nesterov":
            ahead = spec.optimizer == "nesterov"
            sgd = torch.optim.SGD(listed, momentum=spec.momentum, nesterov=ahead, fused=True, **common)
            _at_rest(sgd)
            return sgd
        case "adam":
            return torch.optim.Adam(listed, fused=True, **common)
        case "adamw":
            return torch.optim.AdamW(listed, fused=True, **common)
        case "lars" | "lars_out" | "larc" | "larc_clip":
            return Lars(listed, momentum=spec.momentum, form=spec.optimizer, **common)


def _at_rest(sgd: torch.optim.SGD) -> None:
    """Momentum of zero for all: torch's fused step fails where a parameter gets its first gradient late."""
    for group in sgd.param_groups:
        for parameter in group["params"]:
            sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def set_rates(optimizer: torch.optim.Optimizer, spec: OptimizerSpec, progress: Progress) -> float:
    """Sets every group's rate and decay for this step and returns the common rate.

    ``lr_scale`` and ``weight_decay_scale`` of a group are numbers or functions of the progress; the rate of a
    group that is not ``scheduled`` stays the highest one.
    """
    rate = spec.lr * schedule(spec, progress)
    for group in optimizer.param_groups:
        own = rate if group.get("scheduled", True) else spec.lr
        group["lr"] = own * _at(group.get("lr_scale", 1.0), progress)
        group["weight_decay"] = spec.weight_decay * _at(group.get("weight_decay_scale", 1.0), progress)
    return rate


def schedule(spec: OptimizerSpec, progress: Progress) -> float:
    """Share of the highest rate, in [0, 1]; the first step already moves."""
    warm = spec.warmup * progress.total
    if progress.step < warm:
        risen = min(1.0, (progress.step + 1) / max(warm, 1.0))
        return spec.warmup_start + (1 - spec.warmup_start) * risen
    match spec.schedule:
        case "constant":
            return 1.0
        case "step":
            return spec.drop ** sum(progress.step >= at * progress.total for at in spec.drops)
        case "cosine":
            done = (progress.step - warm) / max(1.0, progress.total - warm)
            return spec.floor + (1 - spec.floor) * 0.5 * (1 + math.cos(math.pi * done))


def _at(value: float | Callable[[Progress], float], progress: Progress) -> float:
    return value(progress) if callable(value) else value


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rates, in the published forms.

    With ``g = grad + wd w`` and the trust ratio ``r = eta |w| / |g|`` (1 where a norm is 0 or the
    group has ``trust=False``)::

        lars (SimCLR):               v = mu v + lr r g;  w = w - v
        lars_out (BYOL and others):  v = mu v + r g;     w = w - lr v

    ``larc`` (SwAV) is ``lars_out`` with ``r = eta |w| / (|grad| + wd |w|)``. ``larc_clip`` (CIFAR-10, apex's
    default) is ``larc`` with ``r = min(r / lr, 1)`` and an ``eta`` of 0.02 instead of 0.001: the rate of a
    layer is ``eta |w| / (|grad| + wd |w|)``, but at most ``lr``. Its published settings are for biases and
    norms without trust and decay: parameters of at most one dimension have none, whatever their group.

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
        form: Literal["lars", "lars_out", "larc", "larc_clip"],
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": True,
            "form": form,
            "eta": 0.02 if form == "larc_clip" else 1e-3,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            moved = [w for w in group["params"] if w.grad is not None]
            for some, own in _apart(moved, group):
                if some:
                    self._move(some, own)

    def _move(self, w: list[Tensor], group: dict[str, Any]) -> None:
        # all tensors at once: on a GPU the hundreds of small ones would cost a dozen launches each
        grad = [each.grad for each in w if each.grad is not None]
        g = torch._foreach_add(grad, w, alpha=group["weight_decay"])
        if group["trust"]:
            torch._foreach_mul_(g, self._trust(w, grad, g, group).unbind())
        if group["form"] == "lars":
            torch._foreach_mul_(g, group["lr"])
        v = [self._velocity(each) for each in w]
        torch._foreach_mul_(v, group["momentum"])
        torch._foreach_add_(v, g)
        torch._foreach_sub_(w, v if group["form"] == "lars" else torch._foreach_mul(v, group["lr"]))

    @staticmethod
    def _trust(w: Tensors, grad: Tensors, g: Tensors, group: dict[str, Any]) -> Float[Tensor, " n"]:
        larc = group["form"].startswith("larc")
        w_norm, against = _norms(w), _norms(grad if larc else g)
        if larc:
            against += group["weight_decay"] * w_norm
        trust = group["eta"] * w_norm / against
        if group["form"] == "larc_clip":
            trust = (trust / group["lr"]).clamp(max=1)
        return torch.where((w_norm > 0) & (against > 0), trust, 1.0)

    def _velocity(self, w: Tensor) -> Tensor:
        state = self.state[w]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(w)
        velocity: Tensor = state["velocity"]
        return velocity


def _apart(w: list[Tensor], group: dict[str, Any]) -> list[tuple[list[Tensor], dict[str, Any]]]:
    """Parts of a group, and how each is moved."""
    if group["form"] != "larc_clip":
        return [(w, group)]
    matrices, vectors = [each for each in w if each.ndim > 1], [each for each in w if each.ndim <= 1]
    return [(matrices, group), (vectors, {**group, "weight_decay": 0.0, "trust": False})]


def _norms(tensors: Tensors) -> Float[Tensor, " n"]:
    return torch.stack(torch._foreach_norm(tensors))
