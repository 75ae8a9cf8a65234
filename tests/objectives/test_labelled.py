import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.labelled import labelled_cross_entropy


def slow(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Image by image, class by class."""
    losses = []
    for said, label in zip(logits, labels.tolist(), strict=True):
        if label < 0:
            continue
        p = torch.exp(said) / torch.exp(said).sum()
        target = [smoothing / len(p) + (1 - smoothing) * (y == label) for y in range(len(p))]
        losses.append(-torch.stack([target[y] * torch.log(p[y]) for y in range(len(p))]).sum())
    return torch.stack(losses).mean() if losses else 0 * logits.sum()


@settings(max_examples=20)
@given(
    labels=st.lists(st.integers(-1, 2), min_size=1, max_size=6),
    smoothing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 999),
)
def test_it_is_the_mean_over_labelled_images(labels: list[int], smoothing: float, seed: int) -> None:
    known = torch.tensor(labels)
    count = (known >= 0).sum().double()
    assert_same(
        lambda x: labelled_cross_entropy(x, known, count, smoothing),
        lambda x: slow(x, known, smoothing),
        draw(len(labels), 3, seed=seed),
    )


def test_losses_of_two_processes_have_the_mean_of_all_labelled_images() -> None:
    """Though one of them has a single labelled image and the other none."""
    logits, labels = draw(4, 3, seed=0), torch.tensor([2, -1, -1, -1])
    half = torch.tensor(0.5, dtype=torch.float64)
    parts = [labelled_cross_entropy(logits[own], labels[own], half) for own in (slice(2), slice(2, 4))]
    whole = labelled_cross_entropy(logits, labels, 2 * half)
    assert torch.stack(parts).mean().item() == pytest.approx(whole.item())
