"""Compares an objective with a slow, obvious twin: values and gradients, in float64."""

from collections.abc import Callable

import torch
from torch import Tensor


def unit(*values: float) -> Tensor:
    """A vector of length one, or several in rows."""
    vector = torch.tensor(values, dtype=torch.float64)
    return vector / vector.norm()


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_same(fast: Callable[..., Tensor], slow: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Both give the same value and the same gradient to every input, to 1e-10."""
    inputs = tuple(x.detach().requires_grad_(True) for x in inputs)
    value, expected = fast(*inputs), slow(*inputs)
    assert value.dtype == torch.float64
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)
    weight = torch.linspace(1, 2, value.numel(), dtype=torch.float64).view_as(value)
    gradients = torch.autograd.grad((value * weight).sum(), inputs)
    for got, wanted in zip(gradients, torch.autograd.grad((expected * weight).sum(), inputs), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)
