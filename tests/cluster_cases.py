"""What both of two processes do in tests of methods that cluster before an epoch."""

import torch
from torch import Tensor

import tiny
from twofold.core.method import Method

CHANGES = {"prototypes": 5, "hidden": 32, "dim": 8}


def features(method: Method) -> Tensor:
    """What ``embed()`` would give for as many items as ``tiny`` has."""
    random = torch.Generator().manual_seed(1)
    return torch.randn(4 * tiny.COUNT, method.encoder.width, generator=random).to(
        next(method.encoder.parameters())
    )


def two_epochs() -> dict[str, Tensor]:
    """State after two epochs of two steps each; the batch is shared by all processes."""
    method = tiny.make_method("deepcluster_v2", torch.float64, **CHANGES)
    optimizer = tiny.make_optimizer(method)
    for step in range(4):
        if step % 2 == 0:
            method.before_epoch(step // 2, lambda: features(method))
        batch = tiny.own_part(tiny.make_batch(method, step, torch.float64))
        tiny.take_step(method, optimizer, batch, step)
    return method.state_dict()
