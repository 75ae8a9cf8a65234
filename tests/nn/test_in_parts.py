"""A batch in parts: the gradient of the whole, statistics that move once, less memory."""

import pytest
import torch
from torch import Tensor, nn

from twofold.nn.encoder import Encoder
from twofold.nn.in_parts import in_parts
from twofold.nn.norm import GroupedBatchNorm
from twofold.objectives.contrastive import nt_xent


class Normed(nn.Module):
    """A convolution, a norm and a pool, in double precision."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), norm, nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


def contrasted(h: Tensor) -> Tensor:
    z1, z2 = nn.functional.normalize(h, dim=1).chunk(2)
    return nt_xent(z1, z2, torch.arange(len(z1)), z1, z2, temperature=0.3)


def gradients(network: nn.Module, h: Tensor) -> list[Tensor]:
    network.zero_grad()
    contrasted(h).backward()
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


@pytest.mark.parametrize("at_once", [1, 4, 5, 11])
def test_a_contrastive_loss_over_parts_has_the_gradient_of_the_whole_batch(at_once: int) -> None:
    network = Normed(nn.GroupNorm(2, 8))
    x = torch.rand(12, 3, 8, 8, dtype=torch.float64)
    whole = gradients(network, network(x))
    parts = gradients(network, in_parts(network, x, at_once, network))
    assert len(whole) == 4
    for a, b in zip(whole, parts, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_batch_norms_see_each_part_and_follow_it_once() -> None:
    network, twin = Normed(nn.BatchNorm2d(8)), Normed(nn.BatchNorm2d(8))
    twin.load_state_dict(network.state_dict())
    x = torch.rand(8, 3, 8, 8, dtype=torch.float64)
    parts = gradients(network, in_parts(network, x, 4, network))
    by_hand = gradients(twin, torch.cat([twin(part) for part in x.split(4)]))
    for a, b in zip(parts, by_hand, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    for name, value in twin.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


@pytest.mark.parametrize("at_once", [2, 4, 6])
def test_parts_of_whole_groups_are_normalised_as_the_whole_batch_is(at_once: int) -> None:
    """Groups are of two images, however many of them a part has."""
    x = torch.rand(8, 3, 8, 8, dtype=torch.float64)
    network = Normed(GroupedBatchNorm(nn.BatchNorm2d(8), 4))
    whole = gradients(network, network(x))
    for a, b in zip(whole, gradients(network, in_parts(network, x, at_once, network)), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(network(x), in_parts(network, x, at_once, network))


def test_parts_that_do_not_divide_have_fewer_groups() -> None:
    x = torch.rand(8, 3, 8, 8, dtype=torch.float64)
    network, twin = Normed(GroupedBatchNorm(nn.BatchNorm2d(8), 4)), Normed(nn.BatchNorm2d(8))
    twin.load_state_dict(network.state_dict())
    by_hand = torch.cat([twin(part) for part in x.split([5, 3])])
    assert torch.allclose(in_parts(network, x, 5, network), by_hand)


def test_activations_of_parts_are_not_held() -> None:
    """What autograd keeps for the backward pass shrinks."""

    def held(run: nn.Module | None, at_once: int) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encoder(x) if run is None else in_parts(run, x, at_once, encoder)
        return sum(sizes.values())

    encoder = Encoder("resnet18_w16", size=32)
    x = torch.rand(16, 3, 32, 32)
    assert held(encoder, 4) < 0.2 * held(None, 16)


def test_an_encoder_takes_its_parts_for_vectors_and_for_maps() -> None:
    torch.manual_seed(0)
    encoder = Encoder("vit_tiny_patch16_224", size=32).double()
    x = torch.rand(5, 3, 32, 32, dtype=torch.float64)
    vectors, maps = encoder(x), encoder.grid(x, 3)
    encoder.at_once = 2
    assert torch.allclose(encoder(x), vectors) and torch.allclose(encoder.grid(x, 3), maps)
    with torch.no_grad():
        assert torch.allclose(encoder(x), vectors)
