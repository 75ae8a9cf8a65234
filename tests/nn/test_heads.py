import torch
from torch import nn

from twofold.nn.heads import Prototypes, layers, mlp, pixel_mlp, scale_norm


def test_mlp_is_linear_norm_relu_linear() -> None:
    head = mlp(6, 5, 4)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert head[0].bias is None and head[3].bias is not None
    assert head(torch.rand(3, 6)).shape == (3, 4)


def test_mlp_without_norm_keeps_its_bias() -> None:
    head = mlp(6, 5, 4, norm=False, bias=False)
    assert [type(layer) for layer in head] == [nn.Linear, nn.ReLU, nn.Linear]
    assert head[0].bias is not None and head[2].bias is None


def test_layers_may_be_of_any_number() -> None:
    deep = layers((6, 5, 4, 3))
    hidden = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert [type(layer) for layer in deep] == [*hidden, *hidden, nn.Linear]
    linear = [layer for layer in deep if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(6, 5), (5, 4), (4, 3)]
    assert [layer.bias is not None for layer in linear] == [False, False, True]
    assert [type(layer) for layer in layers((6, 3), bias=False)] == [nn.Linear]


def test_pixel_mlp_treats_every_cell_alike() -> None:
    head = pixel_mlp(6, 5, 4).eval()
    x = torch.rand(2, 6, 3, 3)
    assert torch.allclose(head(x)[:, :, 1:2, 2:3], head(x[:, :, 1:2, 2:3]), atol=1e-6)


def test_scale_norm_has_no_offset() -> None:
    assert [name for name, _ in scale_norm(4).named_parameters()] == ["weight"]


def test_prototypes_give_cosines_and_return_to_unit_length() -> None:
    prototypes = Prototypes(8, 5)
    z = torch.randn(2, 3, 8)
    expected = nn.functional.cosine_similarity(z[:, :, None], prototypes.weight, dim=-1)
    assert torch.allclose(prototypes(z), expected, atol=1e-6)
    with torch.no_grad():
        prototypes.weight.mul_(3)
    prototypes.renormalise()
    assert torch.allclose(prototypes.weight.norm(dim=1), torch.ones(5))


def test_prototypes_ignore_autocast() -> None:
    prototypes, z = Prototypes(8, 5), torch.randn(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(prototypes(z), prototypes(z.clone())) and prototypes(z).dtype == torch.float32
