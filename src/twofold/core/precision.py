"""Full precision inside, whatever the autocast outside; and whether half of it is fast."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def cast_up(value: Any) -> Any:
    """A half-precision tensor as float32; anything else, float64 included, as it is."""
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    return value


def multiplies_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AMX, AVX512-BF16)."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    return capabilities.startswith("AVX512") and bool(torch.cpu._is_avx512_bf16_supported())


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Computes a function outside autocast, its half-precision arguments cast up to float32.

    Softmax, Sinkhorn, covariance and every logit need it: autocast turns even a product of two
    float32 matrices into bfloat16. float64 stays float64.
    """

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        with torch.autocast(device, enabled=False):
            raised = {name: cast_up(value) for name, value in kwargs.items()}
            return function(*map(cast_up, args), **raised)

    return inner
