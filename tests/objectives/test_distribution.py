import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from twins import assert_same, draw
from twofold.objectives.distribution import (
    Prior,
    draw_prior,
    draw_rotation,
    half_squared_distance,
    log_sum_exp,
    sliced_wasserstein,
)

PRIORS: list[Prior] = ["normal", "hypersphere", "hypercube"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slow_half_squared_distance(z1: Tensor, z2: Tensor) -> Tensor:
    terms = [
        (a - b) ** 2 / 2 for one, other in zip(z1, z2, strict=True) for a, b in zip(one, other, strict=True)
    ]
    return torch.stack(terms).mean()


def slow_log_sum_exp(anchors: Tensor, everyone: Tensor, temperature: float) -> Tensor:
    losses = []
    for a in anchors:
        cosines = [(a * z).sum() / (a.norm() * z.norm()) for z in everyone]
        losses.append(torch.log(torch.stack([torch.exp(c / temperature) for c in cosines]).sum()))
    return torch.stack(losses).mean()


def slow_sliced_wasserstein(z: Tensor, prior: Tensor, rotation: Tensor) -> Tensor:
    """Direction by direction, the smallest to the smallest."""
    terms = []
    for direction in rotation.T:
        along = sorted(((point * direction).sum() for point in z), key=lambda x: x.item())
        wanted = sorted(float((point * direction).sum()) for point in prior)
        terms += [(a - w) ** 2 for a, w in zip(along, wanted, strict=True)]
    return torch.stack(terms).mean()


@settings(max_examples=20)
@given(count=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999))
def test_alignment_is_its_definition(count: int, width: int, seed: int) -> None:
    z1, z2 = draw(count, width, seed=seed), draw(count, width, seed=seed + 1)
    assert_same(half_squared_distance, slow_half_squared_distance, z1, z2)


@settings(max_examples=15)
@given(
    own=st.integers(1, 3),
    count=st.integers(1, 5),
    width=st.integers(1, 4),
    temperature=st.floats(0.05, 5),
    seed=st.integers(0, 999),
)
def test_log_sum_exp_is_its_definition(
    own: int, count: int, width: int, temperature: float, seed: int
) -> None:
    assert_same(
        lambda a, z: log_sum_exp(a, z, temperature),
        lambda a, z: slow_log_sum_exp(a, z, temperature),
        draw(own, width, seed=seed),
        draw(count, width, seed=seed + 1),
    )


@settings(max_examples=15)
@given(
    count=st.integers(1, 6), width=st.integers(1, 4), prior=st.sampled_from(PRIORS), seed=st.integers(0, 999)
)
def test_sliced_wasserstein_is_its_definition(count: int, width: int, prior: Prior, seed: int) -> None:
    wanted = draw_prior(prior, count, width, seeded(seed)).double()
    rotation = draw_rotation(width, seeded(seed)).double()
    assert_same(
        lambda z: sliced_wasserstein(z, wanted, rotation),
        lambda z: slow_sliced_wasserstein(z, wanted, rotation),
        draw(count, width, seed=seed),
    )


def test_a_cloud_is_at_no_distance_from_itself_in_any_order() -> None:
    cloud, rotation = draw(9, 4, seed=0), draw_rotation(4, seeded(0)).double()
    assert sliced_wasserstein(cloud, cloud.flip(0), rotation).item() == pytest.approx(0)
    assert sliced_wasserstein(cloud + 2, cloud, torch.eye(4).double()).item() == pytest.approx(4)


def test_collapse_to_a_point_costs_the_variance_of_the_prior() -> None:
    """Per coordinate: 1 of a normal, 1/d of a sphere, 1/3 of a cube."""
    zero, rotation = torch.zeros(20_000, 8), draw_rotation(8, seeded(1))
    for prior, variance in zip(PRIORS, (1, 1 / 8, 1 / 3), strict=True):
        drawn = draw_prior(prior, 20_000, 8, seeded(0))
        assert sliced_wasserstein(zero, drawn, rotation).item() == pytest.approx(variance, rel=0.02)


def test_embeddings_that_follow_the_prior_cost_almost_nothing() -> None:
    rotation = draw_rotation(8, seeded(2))
    for prior in PRIORS:
        one, other = (draw_prior(prior, 20_000, 8, seeded(seed)) for seed in range(2))
        assert sliced_wasserstein(one, other, rotation).item() < 1e-3


def test_priors_are_where_they_should_be_and_hang_on_the_generator_alone() -> None:
    normal, sphere, cube = (draw_prior(prior, 5000, 6, seeded(0)) for prior in PRIORS)
    assert normal.mean().item() == pytest.approx(0, abs=0.03) and normal.std().item() == pytest.approx(
        1, abs=0.02
    )
    torch.testing.assert_close(sphere.norm(dim=1), torch.ones(5000))
    assert -1 <= cube.min() < -0.99 and 0.99 < cube.max() <= 1
    torch.manual_seed(7)
    assert torch.equal(cube, draw_prior("hypercube", 5000, 6, seeded(0)))


def test_rotations_are_orthogonal_and_evenly_drawn() -> None:
    rotation = draw_rotation(32, seeded(0))
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(32), rtol=0, atol=1e-5)
    random = seeded(0)
    corner = torch.stack([draw_rotation(3, random)[0, 0] for _ in range(2000)])
    assert corner.mean().item() == pytest.approx(0, abs=0.04)  # QR alone: its sign would lean one way


def test_crowding_is_nt_xent_without_positives() -> None:
    same, axes = torch.ones(5, 4, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    assert log_sum_exp(same, same, 0.5).item() == pytest.approx(2 + math.log(5))
    assert log_sum_exp(axes, 3 * axes, 0.5).item() == pytest.approx(math.log(math.exp(2) + 5))


def test_autocast_does_not_touch_the_sorting() -> None:
    z, wanted = draw(8, 4, seed=0).bfloat16(), draw_prior("normal", 8, 4, seeded(0))
    rotation = draw_rotation(4, seeded(0))
    exact = sliced_wasserstein(z.float(), wanted, rotation)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(sliced_wasserstein(z, wanted, rotation), exact)
