"""Which parameters the optimiser treats alike."""

from typing import Any

from torch import nn


def matrices_and_vectors(module: nn.Module) -> list[dict[str, Any]]:
    """Two parameter groups: biases and norms, with neither weight decay nor LARS's trust, and the rest.

    What the papers on LARS exclude are the parameters of at most one dimension (SimCLR, BYOL and
    most others; not MoCo, SwAV and SimSiam, which decay everything).
    """
    parameters = moving(module)
    return [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay_scale": 0.0, "trust": False},
    ]


def moving(*modules: nn.Module) -> list[nn.Parameter]:
    """The parameters of some modules that are not frozen."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]
