import pytest
import torch
from torch import nn

from twofold.nn.deep_head import deep_head


def test_hidden_layers_are_normalised_and_rectified_and_the_output_is_only_normalised() -> None:
    hidden = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    head = deep_head(6, 5, 4)
    assert [type(layer) for layer in head] == [*hidden, *hidden, nn.Linear, nn.BatchNorm1d]
    assert [layer.out_features for layer in head if isinstance(layer, nn.Linear)] == [5, 5, 4]
    assert all(layer.bias is None for layer in head if isinstance(layer, nn.Linear))
    assert head[-1].bias is None and head[1].bias is not None


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_any_number_of_layers(layers: int) -> None:
    head = deep_head(6, 5, 4, layers)
    assert sum(isinstance(layer, nn.Linear) for layer in head) == layers
    assert head(torch.rand(3, 6)).shape == (3, 4)
