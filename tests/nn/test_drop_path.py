import pytest
import timm
import torch

from twofold.core.errors import UsageError
from twofold.nn.drop_path import DropPath, drop_paths, dropping
from twofold.nn.encoder import Encoder

NAMES = ("drop_path", "drop_path1", "drop_path2")


def vit(rate: float = 0.5) -> Encoder:
    torch.manual_seed(0)
    encoder = Encoder("vit_tiny_patch16_224", size=32)
    drop_paths(encoder, rate)
    return encoder.train()


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "convnext_atto", "swin_tiny_patch4_window7_224", "resnet18"]
)
def test_rates_are_timms(name: str) -> None:
    own, theirs = timm.create_model(name), timm.create_model(name, drop_path_rate=0.3)
    drop_paths(own, 0.3)
    places = [[m for m in net.modules() if any(hasattr(m, n) for n in NAMES)] for net in (own, theirs)]
    assert len(places[0]) == len(places[1]) > 5
    for block, their in zip(*places, strict=True):
        for place in NAMES:
            if hasattr(block, place):
                wanted = getattr(getattr(their, place), "drop_prob", None) or 0.0
                assert getattr(block, place).rate == pytest.approx(wanted)


def test_a_branch_is_dropped_or_scaled_up() -> None:
    path, x = DropPath(0.2), torch.ones(4000, 2, 3)
    path.batch = 4000
    with dropping(torch.nn.Sequential(path, torch.nn.Linear(1, 1)), 0, 4000):
        out = path(x)
    assert out.unique().tolist() == pytest.approx([0, 1.25])
    assert (out == out[:, :1, :1]).all()  # an image's whole branch
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(path.eval()(x), x)


def test_what_is_dropped_hangs_on_the_seed_and_nothing_else() -> None:
    encoder, x = vit(), torch.rand(6, 3, 32, 32)

    def seen(seed: int) -> torch.Tensor:
        before = torch.get_rng_state()
        with dropping(encoder, seed, 3):
            h = encoder(x)
        assert torch.equal(torch.get_rng_state(), before)
        return h

    first = seen(3)
    torch.manual_seed(9)
    assert torch.equal(seen(3), first)
    assert not torch.equal(seen(4), first)


def test_what_is_computed_again_backwards_drops_the_same() -> None:
    x = torch.rand(6, 3, 32, 32)

    def gradient(at_once: int | None) -> torch.Tensor:
        encoder = vit()
        encoder.at_once = at_once
        parts = [x] if at_once else x.split(4)
        with dropping(encoder, 5, 3):
            h = torch.cat([encoder(part) for part in parts])
        h.square().sum().backward()
        grad = encoder.backbone.blocks[-1].mlp.fc1.weight.grad
        assert grad is not None
        return grad

    torch.testing.assert_close(gradient(4), gradient(None))


def test_what_has_no_paths_says_so() -> None:
    with pytest.raises(UsageError, match="--drop-path 0"):
        drop_paths(torch.nn.Linear(2, 2), 0.1)
    with pytest.raises(UsageError, match="from 0 to below 1"):
        drop_paths(vit(), 1.0)
