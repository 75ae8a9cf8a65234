import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import assert_same, draw
from twofold.objectives.soft_targets import soft_cross_entropy


def slow(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Equation 2 of arXiv:2006.10029, averaged over images."""
    losses = []
    for said, told in zip(student, teacher, strict=True):
        q, p = torch.exp(said / temperature), torch.exp(told / temperature)
        q, p = q / q.sum(), p / p.sum()
        losses.append(-torch.stack([p[y] * torch.log(q[y]) for y in range(len(p))]).sum())
    return torch.stack(losses).mean() * (temperature**2 if temperature > 1 else 1)


@settings(max_examples=20)
@given(
    count=st.integers(1, 4),
    classes=st.integers(1, 5),
    temperature=st.floats(0.1, 5),
    seed=st.integers(0, 999),
)
def test_it_is_equation_2(count: int, classes: int, temperature: float, seed: int) -> None:
    assert_same(
        lambda s, t: soft_cross_entropy(s, t, temperature),
        lambda s, t: slow(s, t, temperature),
        draw(count, classes, seed=seed),
        draw(count, classes, seed=seed + 1),
    )


def test_the_least_is_the_teachers_entropy_and_there_the_gradient_is_none() -> None:
    teacher = draw(5, 4, seed=0)
    student = (teacher + 3).requires_grad_(True)  # probabilities do not feel a common offset
    loss = soft_cross_entropy(student, teacher)
    p = teacher.softmax(dim=1)
    assert loss.item() == pytest.approx(-(p * p.log()).sum(dim=1).mean().item())
    loss.backward()
    assert student.grad is not None and student.grad.abs().max() < 1e-12
    assert soft_cross_entropy(draw(5, 4, seed=1), teacher) > loss


def test_a_teacher_that_is_sure_is_a_label() -> None:
    student, label = draw(6, 3, seed=0), torch.arange(6) % 3
    sure = 1e3 * F.one_hot(label, 3).double()
    assert soft_cross_entropy(student, sure).item() == pytest.approx(F.cross_entropy(student, label).item())


def test_a_student_that_knows_nothing_pays_the_logarithm_of_the_classes() -> None:
    nothing = torch.zeros(4, 10, dtype=torch.float64)
    assert soft_cross_entropy(nothing, draw(4, 10, seed=0)).item() == pytest.approx(math.log(10))


def test_gradients_keep_their_size_at_high_temperatures() -> None:
    sizes = []
    for temperature in (50.0, 500.0):
        student = draw(4, 5, seed=0).requires_grad_(True)
        soft_cross_entropy(student, draw(4, 5, seed=1), temperature).backward()
        sizes.append(student.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
