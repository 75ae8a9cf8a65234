"""What both of two processes do in tests of batch norm."""

from typing import Any

import torch
from torch import Tensor, nn

from twofold.core import dist
from twofold.nn.heads import scale_norm
from twofold.nn.norm import average_statistics, synchronise


def make() -> nn.Module:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.Sequential(norm)


def batch() -> Tensor:
    random = torch.Generator().manual_seed(1)
    return 5 + torch.randn(6, 3, 4, 4, dtype=torch.float64, generator=random)


def run(net: nn.Module, x: Tensor) -> dict[str, Any]:
    """The loss weighs every value differently; gradients of parameters are averaged."""
    norm, x = net[0], x.clone().requires_grad_(True)
    y = net(x)
    weights = torch.linspace(0, 1, 6 * 3 * 16, dtype=torch.float64).view(6, 3, 4, 4)
    own = dist.rows(len(x))
    (y.square() * weights[own]).mean().backward()
    dist.average_gradients(net.parameters())
    return {
        "output": y.detach(),
        "input.grad": x.grad / dist.world_size(),
        "weight.grad": norm.weight.grad,
        "bias.grad": norm.bias.grad,
        **norm.state_dict(),
        "type": type(norm).__name__,
    }


def run_synchronised() -> dict[str, Any]:
    net, x = make(), batch()
    synchronise(net)
    return run(net, x.chunk(2)[dist.rank()])


def run_synchronised_beside_plain() -> dict[str, Any]:
    net, x = make(), batch()
    plain = make()
    synchronise(net)
    plain.load_state_dict(net.state_dict())
    half = net.float()(x.bfloat16())
    net.double().load_state_dict(plain.state_dict())
    offsetless = nn.Sequential(scale_norm(3))
    synchronise(offsetless)
    y = offsetless(torch.randn(50, 3))
    return {
        "same_in_eval": torch.equal(net.eval()(x), plain.eval()(x)),
        "dtype": half.dtype,
        "offsetless_is_normal": bool(dist.gather(y).mean().abs() < 1e-5),
    }


def running_means_after_averaging() -> Tensor:
    net = make()
    net(batch() + dist.rank())
    average_statistics(net)
    return net[0].running_mean
