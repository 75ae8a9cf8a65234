"""What each of several processes does in tests of twofold.core.dist."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from twofold.core import dist


def where() -> tuple[int, int, list[int]]:
    return dist.rank(), dist.world_size(), dist.rows(3).tolist()


def loss_of(own: Tensor, everyone: Tensor) -> Tensor:
    """Every own row against all rows; what was gathered is used transposed, and sliced."""
    return (own @ everyone.T).exp().mean() + (everyone[:1] * own).sin().mean()


def gathered(x: Tensor) -> dict[str, Any]:
    own = x[dist.rows(len(x) // dist.world_size())].clone().requires_grad_(True)
    everyone = dist.gather(own)
    loss = loss_of(own, everyone)
    loss.backward()
    return {"everyone": everyone.detach(), "gradient": own.grad, "loss": loss.detach()}


def gathered_half() -> Tensor:
    x = torch.full((2, 2), dist.rank() + 1.0, dtype=torch.bfloat16, requires_grad=True)
    y = dist.gather(x)
    y.sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.bfloat16
    return y.detach()


def reduced(x: Tensor) -> dict[str, Any]:
    own = x[dist.rows(len(x) // dist.world_size())].clone().requires_grad_(True)
    total = dist.all_reduce(own.sum(dim=0))
    (total.square().mean() * (1 + dist.rank())).backward()
    return {"total": total.detach(), "gradient": own.grad}


def averaged() -> dict[str, Any]:
    net = nn.Linear(2, 2)
    net.weight.grad = torch.full((2, 2), float(dist.rank()))
    dist.average_gradients(net.parameters())
    mixed = [torch.full((3,), dist.rank() + 1.0), torch.tensor(dist.rank() * 2.0, dtype=torch.float64)]
    dist.average(mixed)
    return {"gradient": net.weight.grad, "none": net.bias.grad is None, "mixed": mixed}


def equalised() -> dict[str, Tensor]:
    torch.manual_seed(dist.rank())
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net[1].running_mean.fill_(dist.rank())
    dist.equalise(net)
    return net.state_dict()


def votes() -> tuple[bool, bool, bool]:
    return dist.anyone(False), dist.anyone(dist.rank() == 1), dist.anyone(True)


def told_by_the_first() -> float:
    return dist.from_first(dist.rank() + 0.1)


def seen_in_turn(folder: Path) -> list[int]:
    """How much was there when it was this process's turn, three times."""
    seen = []
    for turn in range(3):
        with dist.one_before_the_others():
            seen.append(len(list(folder.glob(f"{turn}-*"))))
            if dist.rank() == 0:
                time.sleep(0.05)
                (folder / f"{turn}-done").touch()
    return seen
