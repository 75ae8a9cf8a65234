"""What is measured of a step, and the norm of its gradients."""

import math

import pytest
import torch

from twofold.core.batch import Step
from twofold.metrics import collapse
from twofold.metrics.entropy import mean_entropy
from twofold.train.monitors import GradientNorm, measure
from twofold.train.optim import OptimizerSpec, make_optimizer

LOSS = torch.tensor(1.5)


def test_what_a_method_gives_is_measured_and_what_it_does_not_give_is_not() -> None:
    one, other, p = torch.randn(20, 8), torch.randn(20, 8), torch.randn(40, 5).softmax(dim=1)
    assert measure(Step(LOSS)) == {}
    alone = measure(Step(LOSS, {"embedding": one}))
    assert alone.keys() == {"std", "rank", "uniformity"}
    assert alone["rank"] == collapse.effective_rank(one)
    whole = measure(Step(LOSS, {"embedding": one, "positive": other, "assignment": p}))
    assert whole["alignment"] == pytest.approx(2 - 2 * whole["positive"], rel=1e-5)
    assert whole["assignment_entropy"] == mean_entropy(p)
    assert whole["hardest_negative"] > whole["positive"]  # nothing ties these views together


def test_a_scalar_of_the_method_is_logged_as_it_is() -> None:
    seen = {"embedding": torch.randn(20, 8), "agreement": torch.tensor(0.25), "uniformity": torch.tensor(7.0)}
    figures = measure(Step(LOSS, seen))
    assert figures["agreement"] == 0.25 and figures["uniformity"] == 7.0


def test_of_a_large_batch_rows_from_all_of_it_are_measured() -> None:
    halves = torch.cat([torch.eye(64)[:32].repeat(40, 1), torch.eye(64)[32:].repeat(40, 1)])
    assert measure(Step(LOSS, {"embedding": halves}))["rank"] == pytest.approx(64, rel=0.02)


def weights(*sizes: int) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(size)) for size in sizes]


@pytest.mark.parametrize("name", ["sgd", "adamw", "lars"])
def test_the_norm_is_that_of_all_gradients_together(name: str) -> None:
    a, b, still = weights(3, 4, 5)
    groups = [{"params": [a]}, {"params": [b, still]}]
    optimizer = make_optimizer(OptimizerSpec(optimizer=name), groups)
    norm = GradientNorm(optimizer, lambda: True)
    a.grad, b.grad = torch.tensor([1.0, 2, 3]), torch.tensor([4.0, 5, 6, 7])
    optimizer.step()
    assert norm.value == pytest.approx(math.sqrt(sum(x * x for x in range(1, 8))))


def test_it_is_read_only_when_wanted_and_not_after_the_end() -> None:
    (a,) = weights(2)
    optimizer = torch.optim.SGD([a], lr=0.1)
    wanted = False
    norm = GradientNorm(optimizer, lambda: wanted)
    a.grad = torch.ones(2)
    optimizer.step()
    assert norm.value is None
    wanted = True
    norm.close()
    optimizer.step()
    assert norm.value is None
