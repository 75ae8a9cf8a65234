import torch
from torch import nn

from twofold.nn.groups import matrices_and_vectors


def test_biases_and_norms_are_neither_decayed_nor_trusted() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    net[2].weight.requires_grad_(False)
    matrices, vectors = matrices_and_vectors(net)
    assert matrices == {"params": [net[0].weight]}
    assert {id(p) for p in vectors["params"]} == {
        id(p) for p in (net[0].bias, net[1].weight, net[1].bias, net[2].bias)
    }
    assert vectors["weight_decay_scale"] == 0 and vectors["trust"] is False


def test_a_torch_optimiser_takes_the_groups() -> None:
    torch.optim.SGD(matrices_and_vectors(nn.Linear(2, 2)), lr=0.1)
