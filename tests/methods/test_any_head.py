"""Any head for any method: none, a linear one, a deeper one, a frozen one."""

import inspect
import re

import pytest
import torch
from torch import Tensor, nn

import tiny
from processes import in_processes
from twofold.core import registry
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.train.freeze import freeze

HEADED = [
    n
    for n in registry.names("methods")
    if "hidden" in inspect.signature(registry.find("methods", n)).parameters
]
DEEP = {"hidden": [20, 12]}


def none(name: str) -> dict[str, object]:
    return {"hidden": 0} if name == "supervised" else {"dim": 0}


def linear(name: str) -> dict[str, object]:
    return {"hidden": []} if name == "supervised" else {"hidden": 0}


def head(method: Method) -> nn.Module:
    """The first of the heads, as it is trained."""
    return method.projectors[0] if hasattr(method, "projectors") else method.projector


def widths(network: nn.Module) -> list[int]:
    return [len(m.weight) for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


def learning(method: Method) -> list[str]:
    return [n for n, part in method.named_children() if any(p.requires_grad for p in part.parameters())]


def assert_all_of_it_learns(method: Method) -> None:
    optimizer = tiny.make_optimizer(method)
    first, second = (tiny.make_batch(method, seed, torch.float64) for seed in range(2))
    tiny.take_step(method, optimizer, first, 0)  # wakes residual branches that start at 0
    before = {name: p.clone() for name, p in method.named_parameters() if p.requires_grad}
    loss = tiny.take_step(method, optimizer, second, 1)
    assert loss.isfinite()
    still = [name for name, p in method.named_parameters() if name in before and torch.equal(p, before[name])]
    # a bias before a batch norm has no gradient but what rounding leaves
    assert [name for name in still if not re.fullmatch(r"instance_projector\.\d+\.bias", name)] == []


@pytest.mark.parametrize("name", HEADED)
def test_without_a_head_the_loss_meets_the_encoders_features(name: str) -> None:
    if name == "w_mse":
        with pytest.raises(UsageError, match="too few to whiten 32 dimensions"):
            tiny.make_method(name, **none(name))
        return
    method = tiny.make_method(name, torch.float64, **none(name))
    assert isinstance(head(method), nn.Identity)
    assert_all_of_it_learns(method)


@pytest.mark.parametrize("name", HEADED)
def test_a_linear_head(name: str) -> None:
    method = tiny.make_method(name, torch.float64, **linear(name))
    assert len(widths(head(method))) == 1
    assert not any(isinstance(m, nn.ReLU | nn.GELU) for m in head(method).modules())
    assert_all_of_it_learns(method)


@pytest.mark.parametrize("name", HEADED)
def test_a_head_of_any_depth_and_width(name: str) -> None:
    method = tiny.make_method(name, torch.float64, **DEEP)
    *hidden, _ = widths(head(method))
    assert hidden == [20, 12]
    assert sum(isinstance(m, nn.ReLU | nn.GELU) for m in head(method).modules()) == 2
    assert_all_of_it_learns(method)


def test_a_layer_without_units_is_told() -> None:
    with pytest.raises(UsageError, match=r"--hidden \[20, 0\]: a hidden layer has 1 unit or more"):
        tiny.make_method("byol", hidden=[20, 0])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("byol", {"dim": 0}),
        ("moco_v2", {"dim": 0}),
        ("swav", {"dim": 0}),
        ("dino", DEEP),
        ("instdisc", DEEP),
        ("simsiam", {"hidden": 0}),
    ],
)
def test_two_processes_with_another_head(name: str, changes: dict[str, object]) -> None:
    parts = in_processes(2, tiny.train, name, changes, 2)
    tiny.assert_equal_training(parts, tiny.train(name, changes, 2))


@pytest.mark.parametrize("name", registry.names("methods"))
def test_what_is_frozen_stands_still_and_the_rest_learns(name: str) -> None:
    for part in learning(tiny.make_method(name)):
        method = tiny.make_method(name)
        freeze(method, [part])
        assert part not in learning(method) and learning(method)
        still = {key: value.clone() for key, value in weights(method).items() if part in key.split(".")}
        assert any(key.startswith(f"{part}.") for key in still)
        for step in range(3):
            tiny.take_step(method, optimizer(method), tiny.make_batch(method, step), step)
        found = weights(method)
        assert all(torch.equal(found[key], value) for key, value in still.items())
        assert not any(key.startswith(f"{part}.") for key in gradients(method))
        assert gradients(method)


def optimizer(method: Method) -> torch.optim.Optimizer:
    """One that decays: what is frozen must not shrink either."""
    groups = [group for group in method.param_groups() if group["params"]]
    return torch.optim.SGD(groups, lr=0.05, weight_decay=0.1)


def weights(method: Method) -> dict[str, Tensor]:
    """All parameters, a teacher's copies included."""
    return dict(method.named_parameters())


def gradients(method: Method) -> list[str]:
    return [name for name, p in method.named_parameters() if p.grad is not None and p.grad.any()]


def test_a_frozen_head_passes_gradients_on_and_its_teacher_stays_the_same() -> None:
    method = tiny.make_method("moco_v2")
    freeze(method, ["projector"])
    for step in range(3):
        tiny.take_step(method, optimizer(method), tiny.make_batch(method, step), step)
    pairs = zip(method.projector.parameters(), method.teacher.projector.parameters(), strict=True)
    assert all(torch.equal(own, copied) for own, copied in pairs)
    assert any(name.startswith("encoder.") for name in gradients(method))


def test_a_part_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        UsageError,
        match=r"'projektor' learns here; did you mean 'projector'.*: encoder, projector, predictor$",
    ):
        freeze(tiny.make_method("byol"), ["projektor"])
    with pytest.raises(UsageError, match=r"student, projector, prototypes$"):
        freeze(tiny.make_method("dino"), ["encoder"])  # the teacher's, which never learns
    with pytest.raises(UsageError, match="leaves nothing"):
        freeze(tiny.make_method("simclr"), ["encoder", "projector"])
