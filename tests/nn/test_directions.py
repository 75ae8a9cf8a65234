import torch
from torch import nn

from twofold.nn.directions import Directions, bottleneck


def test_logits_are_those_of_weight_norm_with_a_gain_of_one() -> None:
    directions, z = Directions(8, 5), torch.randn(2, 3, 8)
    reference = nn.utils.parametrizations.weight_norm(nn.Linear(8, 5, bias=False))
    with torch.no_grad():
        reference.parametrizations.weight.original0.fill_(1)
        reference.parametrizations.weight.original1.copy_(directions.weight)
    unit = nn.functional.normalize(z, dim=-1)
    torch.testing.assert_close(directions(z), reference(unit))
    (3 * directions(z)).sum().backward()
    (3 * reference(unit)).sum().backward()
    torch.testing.assert_close(directions.weight.grad, reference.parametrizations.weight.original1.grad)


def test_the_length_of_weights_and_embeddings_says_nothing() -> None:
    directions, z = Directions(8, 5), torch.randn(3, 8)
    before = directions(z)
    with torch.no_grad():
        directions.weight.mul_(3)
    torch.testing.assert_close(directions(2 * z), before)


def test_they_ignore_autocast() -> None:
    directions, z = Directions(8, 5), torch.randn(3, 8)
    exact = directions(z)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(directions(z), exact)


def test_the_bottleneck_has_three_layers_that_start_small() -> None:
    head = bottleneck(6, 500, 40, norm=False)
    kinds = [nn.Linear, nn.GELU, nn.Linear, nn.GELU, nn.Linear]
    assert [type(layer) for layer in head] == kinds
    assert [layer.out_features for layer in head if isinstance(layer, nn.Linear)] == [500, 500, 40]
    assert not head[2].bias.any() and abs(head[2].weight.std() - 0.02) < 1e-3
    norms = [layer for layer in bottleneck(6, 5, 4, norm=True) if isinstance(layer, nn.BatchNorm1d)]
    assert len(norms) == 2
