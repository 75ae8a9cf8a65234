from pathlib import Path

import torch

import dist_cases
from processes import in_processes, three_processes
from twins import draw
from twofold.core import dist


def test_one_process_is_the_identity() -> None:
    x = torch.rand(3, 2)
    assert (dist.rank(), dist.world_size()) == (0, 1)
    assert dist.rows(3).tolist() == [0, 1, 2]
    assert dist.gather(x) is x and dist.all_reduce(x) is x
    dist.average([x])
    dist.equalise(torch.nn.Linear(2, 2))
    assert dist.anyone(True) and not dist.anyone(False) and dist.from_first(0.1) == 0.1
    with dist.joined(), dist.one_before_the_others():
        assert dist.world_size() == 1


def test_each_process_knows_its_place() -> None:
    assert in_processes(2, dist_cases.where) == [(0, 2, [0, 1, 2]), (1, 2, [3, 4, 5])]


def test_gathered_rows_carry_the_gradient_of_the_whole_batch() -> None:
    x = draw(6, 4, seed=0)
    parts = in_processes(2, dist_cases.gathered, x)
    for part in parts:
        assert torch.equal(part["everyone"], x)
    whole = x.clone().requires_grad_(True)
    halves = [dist_cases.loss_of(own, whole) for own in whole.chunk(2)]
    torch.stack(halves).mean().backward()
    torch.testing.assert_close(torch.cat([part["gradient"] for part in parts]) / 2, whole.grad)


def test_half_types_are_gathered_in_float32() -> None:
    for everyone in in_processes(2, dist_cases.gathered_half):
        assert everyone.dtype == torch.float32
        assert everyone[:, 0].tolist() == [1, 1, 2, 2]


def test_the_gradient_of_a_sum_reaches_every_process() -> None:
    x = draw(6, 4, seed=0)
    parts = in_processes(2, dist_cases.reduced, x)
    whole = x.clone().requires_grad_(True)
    total = whole.sum(dim=0)
    (total.square().mean() * 3).backward()  # 1 from the first process, 2 from the second
    for part in parts:
        torch.testing.assert_close(part["total"], total.detach())
    torch.testing.assert_close(torch.cat([part["gradient"] for part in parts]), whole.grad)


def test_averages_are_equal_everywhere() -> None:
    for result in in_processes(2, dist_cases.averaged):
        assert torch.equal(result["gradient"], torch.full((2, 2), 0.5))
        assert result["none"]
        assert result["mixed"][0].tolist() == [1.5] * 3 and result["mixed"][1].item() == 1


def test_the_first_process_gives_the_weights() -> None:
    first, second = in_processes(2, dist_cases.equalised)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not second["1.running_mean"].any()


def test_one_yes_is_heard_by_all() -> None:
    assert in_processes(2, dist_cases.votes) == [(False, True, True)] * 2


@three_processes
def test_all_take_the_number_of_the_first() -> None:
    assert in_processes(3, dist_cases.told_by_the_first) == [0.1] * 3


@three_processes
def test_one_process_of_a_machine_goes_before_the_others(tmp_path: Path) -> None:
    assert in_processes(3, dist_cases.seen_in_turn, tmp_path) == [[0, 0, 0], [1, 1, 1], [1, 1, 1]]
