import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.whitening import whiten


def slow_cholesky(matrix: Tensor) -> list[list[Tensor]]:
    """Row by row: L[i][j] L[j][j] = A[i][j] - sum of what came before."""
    lower: list[list[Tensor]] = []
    for i in range(len(matrix)):
        row: list[Tensor] = []
        for j in range(i):
            known = sum((row[k] * lower[j][k] for k in range(j)), torch.zeros((), dtype=torch.float64))
            row.append((matrix[i, j] - known) / lower[j][j])
        known = sum((value**2 for value in row), torch.zeros((), dtype=torch.float64))
        lower.append([*row, torch.sqrt(matrix[i, i] - known)])
    return lower


def slow_whiten(x: Tensor, shrink: float) -> Tensor:
    """Equations 4 and 5 of arXiv:2007.06346 for one group, by forward substitution."""
    w, d = x.shape
    mean = sum(x) / w
    covariance = sum(torch.outer(row - mean, row - mean) for row in x) / (w - 1)
    lower = slow_cholesky((1 - shrink) * covariance + shrink * torch.eye(d, dtype=torch.float64))
    whitened = []
    for row in x:
        y: list[Tensor] = []
        for i in range(d):
            known = sum((lower[i][k] * y[k] for k in range(i)), torch.zeros((), dtype=torch.float64))
            y.append((row[i] - mean[i] - known) / lower[i][i])
        whitened.append(torch.stack(y))
    return torch.stack(whitened)


@settings(max_examples=20)
@given(
    width=st.integers(1, 4),
    groups=st.integers(1, 3),
    shrink=st.sampled_from([0.0, 0.1, 1.0]),
    seed=st.integers(0, 999),
)
def test_whitening_is_its_definition(width: int, groups: int, shrink: float, seed: int) -> None:
    assert_same(
        lambda x: whiten(x, shrink),
        lambda x: torch.stack([slow_whiten(group, shrink) for group in x]),
        draw(groups, 4 * width + 4, width, seed=seed),
    )


def test_each_group_has_mean_zero_and_the_identity_for_a_covariance() -> None:
    mixed = torch.eye(64) + 0.05 * draw(64, 64, seed=1).float()
    x = draw(3, 128, 64, seed=0).float() @ mixed + 5
    for group in whiten(x):
        assert group.mean(dim=0).abs().max() < 1e-4
        torch.testing.assert_close(torch.cov(group.T), torch.eye(64), rtol=0, atol=1e-4)


def test_views_that_differ_by_scales_and_an_offset_are_the_same_after_it() -> None:
    x = draw(20, 4, seed=0)
    torch.testing.assert_close(whiten(x), whiten(x * torch.tensor([1.0, 2.0, 3.0, 4.0]) + 7))


def test_embeddings_that_do_not_span_their_dimensions_become_no_numbers() -> None:
    """The loop deals with a loss that is none: it keeps the state from before that step."""
    good = draw(8, 4, seed=0).float()
    y = whiten(torch.stack([torch.ones(8, 4), good]))
    assert y[0].isnan().all() and torch.equal(y[1], whiten(good[None])[0])
    assert torch.isfinite(whiten(torch.ones(8, 4), shrink=0.1)).all()


def test_autocast_does_not_touch_the_covariance() -> None:
    x = draw(32, 8, seed=0).float()
    exact = whiten(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(whiten(x), exact)
