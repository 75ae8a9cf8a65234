"""Features on one scale, without a look at what is judged."""

import torch
from jaxtyping import Float
from torch import Tensor

_LEAST = 1e-3


def standardised(
    fit: Float[Tensor, "n d"], judge: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "m d"]]:
    """Both with each channel's mean and standard deviation over ``fit`` taken out.

    A channel that varies less than a thousandth of the average is divided by that instead: one that
    is all but dead must not become the loudest.
    """
    std, mean = torch.std_mean(fit, dim=0, correction=0)
    scale = std.clamp(min=(_LEAST * std.mean()).clamp(min=torch.finfo(std.dtype).tiny))
    return (fit - mean) / scale, (judge - mean) / scale
