import torch
from torch import nn
from torch.nn import functional as F

from twofold.nn.norm import split
from twofold.nn.shuffle import shuffled_keys


def test_without_groups_the_keys_are_those_of_the_batch_in_its_order() -> None:
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4)), torch.rand(8, 3, 2, 2)
    torch.testing.assert_close(shuffled_keys(net, x, 0), F.normalize(net(x)).detach())


def test_groups_are_others_than_the_batch_s_own_and_others_at_every_step() -> None:
    """Else the statistics of a group would tell which query belongs to it."""
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4)), torch.rand(8, 3, 2, 2)
    split(net, 2)
    in_order = F.normalize(net(x))
    first, again, later = (shuffled_keys(net, x, step) for step in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, in_order, atol=1e-2)
    assert not torch.allclose(first, later, atol=1e-2)
    assert not first.requires_grad


def test_batch_norm_leaks_where_keys_are_not_shuffled() -> None:
    """Keys that carry nothing but their group's statistics find their own group without the shuffle."""

    class Statistics(nn.Module):
        """The mean of the group that an image is in: all that leaks."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = x.flatten(1).chunk(4)
            return torch.cat([part.mean(dim=0, keepdim=True).expand_as(part) for part in parts])

    images = torch.randn(64, 3, 2, 2)
    group = torch.arange(64) // 16
    queries = F.normalize(Statistics()(images))

    def own_group_found(keys: torch.Tensor) -> float:
        return (group[(queries @ keys.T).argmax(dim=1)] == group).float().mean().item()

    assert own_group_found(F.normalize(Statistics()(images))) == 1
    assert own_group_found(shuffled_keys(Statistics(), images, 0)) < 0.8
