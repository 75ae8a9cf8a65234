import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.contrastive import nt_xent
from twofold.objectives.supervised_contrast import supervised_contrast


def of_all(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    return supervised_contrast(z, torch.arange(len(z)), z, labels, temperature)


def slow(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Equation 2 of arXiv:2004.11362, averaged over the anchors."""
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        cosines = {a: (z[i] * z[a]).sum() / (z[i].norm() * z[a].norm()) for a in others}
        everything = torch.stack([torch.exp(c / temperature) for c in cosines.values()]).sum()
        terms = [torch.log(torch.exp(cosines[p] / temperature) / everything) for p in positives]
        losses.append(-torch.stack(terms).sum() / len(positives) if terms else 0 * z[i].sum())
    return torch.stack(losses).mean()


@settings(max_examples=20)
@given(
    labels=st.lists(st.integers(-2, 2), min_size=2, max_size=7),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_it_is_equation_2(labels: list[int], width: int, temperature: float, seed: int) -> None:
    named = torch.tensor(labels)
    assert_same(
        lambda z: of_all(z, named, temperature),
        lambda z: slow(z, named, temperature),
        draw(len(labels), width, seed=seed),
    )


def test_with_a_class_for_every_image_it_is_nt_xent() -> None:
    z1, z2, rows = draw(6, 4, seed=0), draw(6, 4, seed=1), torch.arange(6)
    expected = nt_xent(z1, z2, rows, z1, z2, temperature=0.3)
    assert of_all(torch.cat([z1, z2]), rows.repeat(2), 0.3).item() == pytest.approx(expected.item())


def test_closed_form_of_two_classes_at_right_angles() -> None:
    z = torch.eye(2, dtype=torch.float64).repeat(3, 1)
    labels = torch.tensor([0, 1]).repeat(3)
    one = math.exp(1 / 0.5)
    assert of_all(z, labels, 0.5).item() == pytest.approx(-math.log(one / (2 * one + 3)))


def test_chance_level_is_the_logarithm_of_the_candidates() -> None:
    labels = torch.arange(64) % 3
    assert of_all(draw(64, 8, seed=0), labels, 1e6).item() == pytest.approx(math.log(63), abs=1e-5)


def test_anchors_may_be_some_of_the_candidates() -> None:
    z, labels = draw(8, 3, seed=0), torch.arange(8) % 3
    parts = [supervised_contrast(z[own], own, z, labels, 0.2) for own in torch.randperm(8).chunk(2)]
    assert torch.stack(parts).mean().item() == pytest.approx(of_all(z, labels, 0.2).item())


def test_an_anchor_without_a_positive_has_neither_loss_nor_gradient() -> None:
    z = draw(4, 3, seed=0).requires_grad_(True)
    of_all(z, torch.arange(4), 0.1).backward()
    assert z.grad is not None and not z.grad.any()
