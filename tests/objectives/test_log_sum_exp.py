import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import assert_same, draw
from twofold.objectives import log_sum_exp


def slow(anchors: Tensor, rows: Tensor, candidates: Tensor, temperature: float) -> Tensor:
    """One pair after the other."""
    found = []
    for anchor, row in zip(anchors, rows.tolist(), strict=True):
        pairs = [anchor @ other / temperature for k, other in enumerate(candidates) if k != row]
        found.append(torch.logsumexp(torch.stack(pairs), 0))
    return torch.stack(found)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them, and a last one that is not full."""
    monkeypatch.setattr(log_sum_exp, "BLOCK", 3)


@settings(max_examples=25)
@given(
    count=st.integers(2, 8),
    width=st.integers(1, 4),
    temperature=st.floats(0.01, 5),
    seed=st.integers(0, 999),
)
def test_it_is_the_sum_over_all_others(count: int, width: int, temperature: float, seed: int) -> None:
    rows = torch.arange(count)
    assert_same(
        lambda z: log_sum_exp.among(F.normalize(z), temperature),
        lambda z: slow(F.normalize(z), rows, F.normalize(z), temperature),
        draw(count, width, seed=seed),
    )


@settings(max_examples=25)
@given(
    anchors=st.integers(1, 5),
    others=st.integers(1, 8),
    temperature=st.floats(0.01, 5),
    seed=st.integers(0, 999),
)
def test_some_anchors_among_candidates(anchors: int, others: int, temperature: float, seed: int) -> None:
    rows = torch.randperm(anchors + others, generator=torch.Generator().manual_seed(seed))[:anchors]
    assert_same(
        lambda a, c: log_sum_exp.between(a, rows, c, temperature),
        lambda a, c: slow(a, rows, c, temperature),
        F.normalize(draw(anchors, 3, seed=seed)),
        F.normalize(draw(anchors + others, 3, seed=seed + 1)),
    )


@pytest.mark.parametrize("temperature", [1e-4, 0.024, 0.026, 100.0])
def test_any_temperature_is_safe_in_float32(temperature: float) -> None:
    """Also where all but one are opposite, and e to their similarity is no float any more."""
    z = F.normalize(torch.cat([torch.eye(4)[:1], -torch.eye(4)[:1].expand(5, -1)]))
    exact = log_sum_exp.among(z.double(), temperature)
    z.requires_grad_()
    found = log_sum_exp.among(z, temperature)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    found.sum().backward()
    assert z.grad is not None and z.grad.isfinite().all()
