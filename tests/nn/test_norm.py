import copy

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

import norm_cases
from processes import in_processes
from twofold.core import dist
from twofold.core.errors import UsageError
from twofold.nn.norm import GroupedBatchNorm, split


def test_synchronised_norm_equals_the_whole_batch() -> None:
    """Output, gradients and running statistics of two processes, put together, in float64."""
    whole = norm_cases.run(norm_cases.make(), norm_cases.batch())
    parts = in_processes(2, norm_cases.run_synchronised)
    assert parts[0]["type"] == "SyncBatchNorm"
    for key in ("output", "input.grad"):
        torch.testing.assert_close(torch.cat([part[key] for part in parts]), whole[key])
    for key in ("weight.grad", "bias.grad", "running_mean", "running_var", "num_batches_tracked"):
        for part in parts:
            torch.testing.assert_close(part[key], whole[key], msg=key)


def test_synchronised_norm_is_plain_in_eval_mode_and_keeps_half_types() -> None:
    for result in in_processes(2, norm_cases.run_synchronised_beside_plain):
        assert result["same_in_eval"]
        assert result["dtype"] == torch.bfloat16
        assert result["offsetless_is_normal"]


def test_grouped_norm_equals_a_norm_for_each_group() -> None:
    plain = nn.BatchNorm2d(3).double()
    net = nn.Sequential(copy.deepcopy(plain))
    split(net, 4)
    x = torch.randn(8, 3, 5, 5, dtype=torch.float64)
    devices = [copy.deepcopy(plain) for _ in range(4)]
    expected = torch.cat([norm(part) for norm, part in zip(devices, x.chunk(4), strict=True)])
    torch.testing.assert_close(net(x), expected)
    for name in ("running_mean", "running_var"):
        mean = torch.stack([getattr(norm, name) for norm in devices]).mean(dim=0)
        torch.testing.assert_close(getattr(net[0], name), mean)
    devices[0].load_state_dict(net[0].state_dict())
    torch.testing.assert_close(net.eval()(x), devices[0].eval()(x))


def test_one_group_leaves_the_network_alone() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3))
    split(net, 1)
    assert type(net[0]) is nn.BatchNorm1d


def test_a_replaced_norm_keeps_its_names_and_its_activation() -> None:
    net = nn.Sequential(BatchNormAct2d(3))
    plain = copy.deepcopy(net)
    split(net, 2)
    assert isinstance(net[0], GroupedBatchNorm)
    assert net.state_dict().keys() == plain.state_dict().keys()
    assert net(torch.randn(4, 3, 2, 2)).min() == 0
    x = torch.randn(4, 3, 2, 2)
    plain.load_state_dict(net.state_dict())
    assert torch.equal(net.eval()(x), plain.eval()(x))


def test_a_batch_that_does_not_divide_is_refused() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3))
    split(net, 4)
    with pytest.raises(UsageError, match="batch of 6 images does not divide into 4 groups"):
        net(torch.rand(6, 3))


def test_running_statistics_can_be_made_equal() -> None:
    first, second = in_processes(2, norm_cases.running_means_after_averaging)
    assert torch.equal(first, second)
    torch.testing.assert_close(first, 0.1 * (norm_cases.batch().mean(dim=(0, 2, 3)) + 0.5))


def test_parts_that_do_not_divide_among_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "world_size", lambda: 3)
    with pytest.raises(
        UsageError,
        match=r"8 parts .* do not divide among 3 processes: take 1, 2, 4 or 8 processes, .* --bn-splits 6",
    ):
        split(nn.Sequential(nn.BatchNorm1d(3)), 8)
