import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from twins import assert_same, draw
from twofold.objectives.assignment import cluster_prediction


def slow_cluster_prediction(z: Tensor, prototypes: Tensor, assigned: Tensor, temperature: float) -> Tensor:
    terms = []
    for head in range(len(prototypes)):
        for view in range(len(z)):
            for image in range(z.shape[1]):
                unit = z[view, image] / z[view, image].norm()
                exponentials = torch.stack([torch.exp(unit @ c / temperature) for c in prototypes[head]])
                right = exponentials[assigned[head, image]]
                terms.append(-torch.log(right / exponentials.sum()))
    return sum(terms, torch.zeros((), dtype=torch.float64)) / len(terms)


@settings(max_examples=15)
@given(
    views=st.integers(1, 3),
    count=st.integers(1, 3),
    heads=st.integers(1, 3),
    prototypes=st.integers(1, 4),
    temperature=st.floats(0.05, 2),
    seed=st.integers(0, 999),
)
def test_cluster_prediction_is_its_definition(
    views: int, count: int, heads: int, prototypes: int, temperature: float, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    assigned = torch.randint(prototypes, (heads, count), generator=random)
    assert_same(
        lambda z, c: cluster_prediction(z, c, assigned, temperature),
        lambda z, c: slow_cluster_prediction(z, c, assigned, temperature),
        draw(views, count, 5, seed=seed),
        F.normalize(draw(heads, prototypes, 5, seed=seed + 1), dim=-1),
    )


def test_equal_scores_cost_the_logarithm_of_the_prototypes() -> None:
    prototypes = draw(1, 1, 4, seed=0).expand(2, 3000, 4)
    assigned = torch.zeros(2, 5, dtype=torch.long)
    loss = cluster_prediction(draw(3, 5, 4, seed=1), prototypes, assigned, 0.1)
    assert loss.item() == pytest.approx(math.log(3000))


def test_autocast_does_not_touch_the_scores() -> None:
    z, prototypes = draw(2, 4, 5, seed=0).float(), draw(1, 3, 5, seed=1).float()
    assigned = torch.tensor([[0, 1, 2, 0]])
    exact = cluster_prediction(z, prototypes, assigned, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cluster_prediction(z, prototypes, assigned, 0.1), exact)
