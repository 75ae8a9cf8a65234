"""Projection heads of several hidden layers."""

from itertools import pairwise

from torch import nn

from twofold.nn.heads import scale_norm


def deep_head(width: int, hidden: int, out: int, layers: int = 3) -> nn.Sequential:
    """(Linear - BN - ReLU) repeated, then linear - BN; the last BN has a scale and no offset.

    It is the head of SimCLR's released code, with any number of layers.

    Args:
        width: Length of the input.
        hidden: Units of each hidden layer.
        out: Length of the output.
        layers: Linear layers in all, at least 1.

    Reference:
        Chen et al., NeurIPS 2020, arXiv:2006.10029, section 2.
    """
    widths = [width, *[hidden] * (layers - 1)]
    body = [
        layer
        for wide, narrow in pairwise(widths)
        for layer in (nn.Linear(wide, narrow, bias=False), nn.BatchNorm1d(narrow), nn.ReLU())
    ]
    return nn.Sequential(*body, nn.Linear(widths[-1], out, bias=False), scale_norm(out))
