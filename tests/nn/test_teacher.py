import copy

import pytest
import torch
from torch import nn

from twofold.core.batch import Progress
from twofold.nn.teacher import Teacher, cosine_momentum


def make() -> tuple[nn.Module, nn.Module, Teacher]:
    encoder = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    projector = nn.Linear(3, 2)
    return encoder, projector, Teacher(encoder=encoder, projector=projector)


def disturb(*modules: nn.Module) -> None:
    with torch.no_grad():
        for module in modules:
            for p in module.parameters():
                p.add_(torch.randn_like(p))


def test_starts_as_a_copy_of_everything_it_follows() -> None:
    encoder, projector, teacher = make()
    x = torch.rand(5, 4)
    assert torch.equal(teacher(x), projector(encoder(x)))
    disturb(encoder, projector)
    assert not torch.equal(teacher.projector.weight, projector.weight)


def test_follows_parameters_by_the_momentum() -> None:
    encoder, projector, teacher = make()
    disturb(encoder, projector)
    before = copy.deepcopy(teacher.state_dict())
    teacher.follow(0.9)
    for name, student in (("encoder", encoder), ("projector", projector)):
        for key, p in student.named_parameters():
            expected = 0.9 * before[f"{name}.{key}"] + 0.1 * p
            torch.testing.assert_close(teacher.state_dict()[f"{name}.{key}"], expected)


@pytest.mark.parametrize("momentum", [1.0, 0.0])
def test_momentum_one_freezes_and_zero_copies(momentum: float) -> None:
    encoder, projector, teacher = make()
    frozen = copy.deepcopy(list(teacher.parameters()))
    disturb(encoder, projector)
    teacher.follow(momentum)
    expected = frozen if momentum else [*encoder.parameters(), *projector.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(teacher.parameters(), expected, strict=True))


def test_statistics_come_from_its_own_passes() -> None:
    encoder, _, teacher = make()
    x = torch.rand(5, 4) + 3
    encoder(x)
    teacher.follow(0.0)
    assert not teacher.encoder[1].running_mean.any()
    teacher(x)
    assert torch.equal(teacher.encoder[1].running_mean, encoder[1].running_mean)


def test_nothing_in_it_is_trained_and_no_student_belongs_to_it() -> None:
    _, _, teacher = make()
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher(torch.rand(5, 4)).requires_grad
    assert {name.split(".")[0] for name in teacher.state_dict()} == {"encoder", "projector"}


def test_a_copied_teacher_follows_the_copied_student() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = nn.Linear(2, 2)
            self.teacher = Teacher(student=self.student)

    pair = copy.deepcopy(Pair())
    disturb(pair.student)
    pair.teacher.follow(0.0)
    assert torch.equal(pair.teacher.student.weight, pair.student.weight)


def test_momentum_rises_along_half_a_cosine() -> None:
    values = [cosine_momentum(0.9, Progress(step, 100, 0, 1)) for step in (0, 50, 100)]
    assert values == pytest.approx([0.9, 0.95, 1.0])


def test_momentum_may_rise_to_less_than_one() -> None:
    values = [cosine_momentum(0.99, Progress(step, 100, 0, 1), 0.999) for step in (0, 50, 100)]
    assert values == pytest.approx([0.99, 0.9945, 0.999])
