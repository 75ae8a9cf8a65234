import pytest
import torch
from torch import nn

from twofold.core.errors import UsageError
from twofold.nn.heads import Hidden, Prototypes, bare_norm, mlp, pixel_mlp, scale_norm


def test_mlp_is_linear_norm_relu_linear() -> None:
    head = mlp(6, 5, 4)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert head[0].bias is None and head[3].bias is not None
    assert head(torch.rand(3, 6)).shape == (3, 4)


def test_mlp_without_norm_keeps_its_bias() -> None:
    head = mlp(6, 5, 4, norm=False, bias=False)
    assert [type(layer) for layer in head] == [nn.Linear, nn.ReLU, nn.Linear]
    assert head[0].bias is not None and head[2].bias is None


HIDDEN = [nn.Linear, nn.BatchNorm1d, nn.ReLU]


@pytest.mark.parametrize(
    ("hidden", "depth", "units"),
    [(5, 1, [5]), (5, 2, [5, 5]), (0, 2, []), ([], 2, []), ([5, 4], 1, [5, 4]), ((7, 6, 5), 2, [7, 6, 5])],
)
def test_hidden_layers_may_be_of_any_number(hidden: Hidden, depth: int, units: list[int]) -> None:
    head = nn.Sequential(*mlp(6, hidden, 3, depth=depth, last=scale_norm))
    assert [type(layer) for layer in head] == [*HIDDEN * len(units), nn.Linear, nn.BatchNorm1d]
    linear = [layer for layer in head if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == list(
        zip([6, *units], [*units, 3], strict=True)
    )
    assert [layer.bias is not None for layer in linear] == [False] * len(units) + [True]
    assert head(torch.rand(2, 6)).shape == (2, 3)


def test_a_layer_without_units_is_refused() -> None:
    with pytest.raises(UsageError, match="1 unit or more"):
        mlp(6, [5, 0], 3)


def test_a_head_of_one_layer_is_that_layer_and_one_without_an_output_is_none() -> None:
    head = mlp(6, 0, 3, bias=False)
    assert isinstance(head, nn.Linear) and head.bias is None
    for head in (mlp(6, 5, 0, last=scale_norm), pixel_mlp(6, 5, 0)):
        assert isinstance(head, nn.Identity)


def test_pixel_mlp_treats_every_cell_alike() -> None:
    head = pixel_mlp(6, 5, 4).eval()
    x = torch.rand(2, 6, 3, 3)
    assert torch.allclose(head(x)[:, :, 1:2, 2:3], head(x[:, :, 1:2, 2:3]), atol=1e-6)


def test_pixel_mlp_may_have_any_hidden_layers() -> None:
    head = pixel_mlp(6, [5, 4], 3)
    hidden = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert [type(layer) for layer in head] == [*hidden, *hidden, nn.Conv2d]
    assert isinstance(pixel_mlp(6, 0, 3), nn.Conv2d)


def test_scale_norm_has_no_offset_and_bare_norm_no_scale_either() -> None:
    assert [name for name, _ in scale_norm(4).named_parameters()] == ["weight"]
    assert [name for name, _ in bare_norm(4).named_parameters()] == []


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
