"""Batch norms whose batch is not the process's: all processes' together, or one of several groups.

Both keep the parameters, buffers and children of the norm they replace, by the same names, so that an
encoder trained with them is saved and loaded as any other.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.core.precision import cast_up
from twofold.nn.batch_parts import whole_parts


def synchronise(module: nn.Module) -> None:
    """Makes every batch norm inside a module see the whole batch; nothing to do for one process."""
    if dist.world_size() > 1:
        _replace(module, SyncBatchNorm)


def split(module: nn.Module, groups: int) -> None:
    """Makes every batch norm inside a module see one of ``groups`` parts of the whole batch.

    It is what ``groups`` devices with a batch norm each do. Several processes share the groups among them; a
    single group of each is its own, and one group of all is the whole batch.

    Raises:
        UsageError: If they do not divide among the processes.
    """
    if groups == 1:
        synchronise(module)
        return
    processes = dist.world_size()
    if groups % processes:
        raise UsageError(
            f"{groups} parts of the batch, each with its own batch norm, do not divide among {processes} "
            f"processes: take {_divisors(groups)} processes, or a new run with --bn-splits "
            f"{max(1, groups // processes) * processes}"
        )
    own = groups // processes
    if own > 1:
        _replace(module, lambda norm: GroupedBatchNorm(norm, own))


def _divisors(number: int) -> str:
    found = [str(n) for n in range(1, number + 1) if number % n == 0]
    return " or ".join(filter(None, [", ".join(found[:-1]), found[-1]]))


def average_statistics(module: nn.Module) -> None:
    """Makes running statistics equal on all processes where each one has seen its own batches."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    dist.average(b for norm in norms for b in (norm.running_mean, norm.running_var) if b is not None)


class SyncBatchNorm(nn.SyncBatchNorm):
    """Batch norm over the batches of all processes, which must be of one size.

    torch's own refuses tensors in main memory; they are normalised here.

    Args:
        norm: The batch norm that this one takes the place of.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine)
        _adopt(self, norm)

    def forward(self, x: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """The normalised batch, then whatever the replaced norm applied after it."""
        if x.is_cuda:
            on_device: Tensor = super().forward(x)
            return _after(self, on_device)
        if not self.training:
            return _after(self, _frozen(self, x))
        return _after(self, self._in_main_memory(x))

    def _in_main_memory(self, x: Tensor) -> Tensor:
        """The processor's own batch norm, forth with everyone's statistics and back with everyone's sums."""
        ones = torch.ones(x.shape[1], dtype=cast_up(x).dtype)
        weight = ones if self.weight is None else self.weight
        bias = torch.zeros_like(ones) if self.bias is None else self.bias
        mean, variance = _statistics(x)
        count = dist.world_size() * x.numel() // x.shape[1]
        self._follow(mean, variance * count / (count - 1))
        y: Tensor = _Normalise.apply(x, weight, bias, mean, variance, self.eps)
        return y

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        _count(self)


class _Normalise(torch.autograd.Function):
    """Batch norm with the statistics of all processes, each of which has equally many rows."""

    @staticmethod
    def forward(  # noqa: PLR0917  (autograd wants them so)
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """What the mean and the variance owe to x is the same sums for all rows of all processes."""
        x, weight, mean, variance = ctx.saved_tensors
        inverse = torch.rsqrt(variance + ctx.eps)
        through, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, mean, inverse, False, ctx.eps, [True, True, True]
        )
        count = dist.world_size() * x.numel() // x.shape[1]
        of_weight, of_bias = dist.all_reduce(torch.stack([by_weight, by_bias])) / count
        slope = -weight * inverse.square() * of_weight
        offset = -weight * inverse * of_bias - slope * mean
        zeros, no_eps = torch.zeros_like(mean), 0.0
        through += F.batch_norm(x, zeros, torch.ones_like(mean), slope, offset, False, 0.0, no_eps)
        return through, by_weight, by_bias, None, None, None


@torch.no_grad()
def _statistics(x: Float[Tensor, "b c ..."]) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Mean and biased variance of each channel over all processes, in one exchange."""
    nothing = torch.zeros(x.shape[1], dtype=cast_up(x).dtype)
    own = torch.ops.aten.batch_norm_update_stats(x, nothing, nothing.clone(), 0.0)
    means, variances = dist.gather(torch.stack(own)[None]).unbind(1)
    mean = means.mean(0)
    return mean, (variances + (means - mean).square()).mean(0)


class GroupedBatchNorm(_BatchNorm):
    """Batch norm that treats consecutive parts of the batch as batches of their own.

    Running statistics follow the mean over the groups.

    Args:
        norm: The batch norm that this one takes the place of.
        groups: Number of parts; batches must divide by it.

    Attributes:
        share: Of the batch, which goes through the network at once, see ``in_parts``: it has as large a share
            of the groups, rounded, or fewer if it does not divide by so many.

    Raises:
        UsageError: In training, where a batch does not divide.
    """

    def __init__(self, norm: _BatchNorm, groups: int) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine)
        _adopt(self, norm)
        self.groups = groups
        self.share = 1.0

    def forward(self, x: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """The normalised batch, then whatever the replaced norm applied after it."""
        if not self.training:
            return _after(self, _frozen(self, x))
        groups = self.groups
        if self.share < 1:
            groups = whole_parts(len(x), max(1, round(self.share * groups)))
        if len(x) % groups:
            raise UsageError(
                f"a batch of {len(x)} images does not divide into {groups} groups of batch norm: "
                "change the batch size or bn_splits"
            )
        means, variances, parts = self.running_mean, self.running_var, []
        assert means is not None and variances is not None
        group_means, group_variances = means.repeat(groups, 1), variances.repeat(groups, 1)
        for part, mean, variance in zip(x.chunk(groups), group_means, group_variances, strict=True):
            parts.append(
                F.batch_norm(
                    part, mean, variance, self.weight, self.bias, True, self.momentum or 0.0, self.eps
                )
            )
        means.copy_(group_means.mean(dim=0))
        variances.copy_(group_variances.mean(dim=0))
        _count(self)
        return _after(self, torch.cat(parts))

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes after the channels."""


def _replace(module: nn.Module, make: Callable[[_BatchNorm], _BatchNorm]) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            setattr(module, name, make(child))
        else:
            _replace(child, make)


def _adopt(new: _BatchNorm, old: _BatchNorm) -> None:
    new.weight, new.bias = old.weight, old.bias
    new.running_mean, new.running_var = old.running_mean, old.running_var
    new.num_batches_tracked = old.num_batches_tracked
    new.training = old.training
    for name, child in old.named_children():  # timm's norms carry their activation
        new.add_module(name, child)


def _after(norm: _BatchNorm, y: Tensor) -> Tensor:
    for child in norm.children():
        y = child(y)
    return y


def _count(norm: _BatchNorm) -> None:
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)


def _frozen(norm: _BatchNorm, x: Tensor) -> Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
