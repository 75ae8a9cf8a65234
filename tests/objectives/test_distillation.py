import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.clustering import swapped_prediction
from twofold.objectives.distillation import centred_targets, mean_entropy


def slow_softmax(x: Tensor) -> list[Tensor]:
    total = torch.stack([value.exp() for value in x]).sum()
    return [value.exp() / total for value in x]


def slow_dino(
    student: Tensor, teacher: Tensor, center: Tensor, taught: list[int], cold: float, warm: float
) -> Tensor:
    """Equations 1 to 3 of arXiv:2104.14294: every global view teaches every other view."""
    losses = []
    for row, i in enumerate(taught):
        for v in range(len(student)):
            if v == i:
                continue
            for image in range(student.shape[1]):
                p_t = slow_softmax((teacher[row, image] - center) / cold)
                p_s = slow_softmax(student[v, image] / warm)
                losses.append(-sum(t.detach() * s.log() for t, s in zip(p_t, p_s, strict=True)))
    return torch.stack(losses).mean()


@settings(max_examples=15)
@given(
    views=st.integers(2, 4),
    count=st.integers(1, 3),
    outputs=st.integers(2, 5),
    cold=st.floats(0.2, 1),
    warm=st.floats(0.2, 1),
    last_two=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_whole_loss_is_the_papers(
    views: int, count: int, outputs: int, cold: float, warm: float, last_two: bool, seed: int
) -> None:
    taught = [views - 2, views - 1] if last_two else [0, 1]
    teacher, center = draw(2, count, outputs, seed=seed + 1), draw(outputs, seed=seed + 2)
    assert_same(
        lambda s: swapped_prediction(s, centred_targets(teacher, center, cold), taught, warm),
        lambda s: slow_dino(s, teacher, center, taught, cold, warm),
        draw(views, count, outputs, seed=seed),
    )


@settings(max_examples=15)
@given(count=st.integers(1, 4), outputs=st.integers(1, 6), seed=st.integers(0, 999))
def test_entropy_is_its_definition(count: int, outputs: int, seed: int) -> None:
    def slow(x: Tensor) -> Tensor:
        return torch.stack([-sum(p * p.log() for p in slow_softmax(row)) for row in x]).mean()

    assert_same(lambda x: mean_entropy(x.softmax(-1)), slow, draw(count, outputs, seed=seed))


def test_entropy_of_the_two_kinds_of_collapse() -> None:
    assert mean_entropy(torch.full((3, 8), 1 / 8)).item() == pytest.approx(math.log(8))
    assert mean_entropy(torch.eye(8)).item() == 0


def test_targets_have_no_gradient_and_ignore_what_all_images_share() -> None:
    outputs = draw(4, 6, seed=0).requires_grad_(True)
    shared = draw(6, seed=1)
    targets = centred_targets(outputs, torch.zeros(6, dtype=torch.float64), 0.1)
    assert not targets.requires_grad
    torch.testing.assert_close(centred_targets(outputs + shared, shared, 0.1), targets)
    torch.testing.assert_close(targets.sum(-1), torch.ones(4, dtype=torch.float64))
    assert mean_entropy(centred_targets(outputs, shared, 0.01)) < mean_entropy(
        centred_targets(outputs, shared, 1.0)
    )


def test_autocast_does_not_touch_the_targets() -> None:
    outputs, center = draw(4, 6, seed=0).bfloat16(), draw(6, seed=1).float()
    exact = centred_targets(outputs.float(), center, 0.04)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(centred_targets(outputs, center, temperature=0.04), exact)
