import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import tiny
from twofold.core import registry
from twofold.core.batch import Progress
from twofold.train.loop import _load
from twofold.train.optim import OptimizerSpec, make_optimizer, schedule, set_rates


def lars_by_hand(form, weights, gradients, rates, *, mu=0.9, wd=1e-2, trust=True):
    """METHODS 0, written as loops over plain numbers."""
    w, v = list(weights), [0.0] * len(weights)
    for gradient, lr in zip(gradients, rates, strict=True):
        decay = wd if trust else 0.0
        g = [gi + decay * wi for gi, wi in zip(gradient, w, strict=True)]
        norm_w = math.hypot(*w)
        norm_g = math.hypot(*gradient) + decay * norm_w if "larc" in form else math.hypot(*g)
        eta = 0.02 if form == "larc_clip" else 1e-3
        r = eta * norm_w / norm_g if trust and norm_w > 0 and norm_g > 0 else 1.0
        if form == "larc_clip" and trust:
            r = min(r / lr, 1.0)
        for i in range(len(w)):
            if form == "lars":
                v[i] = mu * v[i] + lr * r * g[i]
                w[i] -= v[i]
            else:
                v[i] = mu * v[i] + r * g[i]
                w[i] -= lr * v[i]
    return w


@pytest.mark.parametrize("form", ["lars", "lars_out", "larc", "larc_clip"])
@pytest.mark.parametrize("trust", [True, False])
def test_lars_is_the_published_form(form, trust):
    torch.manual_seed(0)
    start = torch.randn(5, dtype=torch.float64)
    gradients = torch.randn(4, 5, dtype=torch.float64)
    rates = [0.1, 0.5, 0.005, 0.05]  # the trust of larc_clip is at most 1 at the third
    w = nn.Parameter(start.clone()[:, None])
    spec = OptimizerSpec(optimizer=form, lr=1.0, weight_decay=1e-2)
    group = {"params": [w], "trust": trust, "weight_decay_scale": float(trust)}
    optimizer = make_optimizer(spec, [group])
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.param_groups[0]["weight_decay"] = 1e-2 * trust
        w.grad = gradient.clone()[:, None]
        optimizer.step()
    expected = lars_by_hand(form, start.tolist(), gradients.tolist(), rates, trust=trust)
    assert w.flatten().tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("form", ["lars", "lars_out", "larc", "larc_clip"])
def test_each_tensor_of_a_group_has_a_trust_of_its_own(form):
    torch.manual_seed(0)
    starts = [10.0**size * torch.randn(3, dtype=torch.float64) for size in range(3)]
    starts.append(torch.zeros(3, dtype=torch.float64))
    gradients = torch.randn(2, len(starts), 3, dtype=torch.float64)
    weights, without = [nn.Parameter(start.clone()[None]) for start in starts], nn.Parameter(torch.ones(2))
    spec = OptimizerSpec(optimizer=form, lr=0.5, weight_decay=1e-2)
    optimizer = make_optimizer(spec, [{"params": [weights[0], without, *weights[1:]]}])
    for gradient in gradients:
        for w, own in zip(weights, gradient, strict=True):
            w.grad = own.clone()[None]
        optimizer.step()
    for w, start, own in zip(weights, starts, gradients.unbind(1), strict=True):
        expected = lars_by_hand(form, start.tolist(), own.tolist(), [0.5, 0.5])
        assert w[0].tolist() == pytest.approx(expected, rel=1e-12)
    assert without.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["swav", "deepcluster_v2", "byol"])
def test_biases_and_norms_are_neither_decayed_nor_scaled_in_published_cifar_10_settings(name):
    """Though the first two decay and scale everything on ImageNet."""
    spec = OptimizerSpec(optimizer="larc_clip", lr=0.4, weight_decay=0.1)
    assert registry.find("methods", name).presets["cifar10"]["optimizer"] == spec.optimizer
    method = tiny.make_method(name, torch.float64)
    optimizer = make_optimizer(spec, method.param_groups())
    set_rates(optimizer, spec, Progress(5, 10, 0, 1))
    rate = optimizer.param_groups[0]["lr"]
    before = {key: p.clone() for key, p in method.named_parameters() if p.requires_grad}
    for p in method.parameters():
        p.grad = torch.ones_like(p) if p.requires_grad else None
    optimizer.step()
    for key, p in method.named_parameters():
        if key in before:
            plainly = torch.allclose(p, before[key] - rate)
            assert plainly is (p.ndim <= 1), key


class Calls(TorchDispatchMode):
    """The operations that were called within it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.append(str(operation))
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("form", ["lars", "lars_out", "larc", "larc_clip"])
def test_a_step_of_lars_calls_as_much_for_many_tensors_as_for_two(form):
    called = []
    for count in (2, 20):
        weights = [nn.Parameter(torch.ones(2)) for _ in range(count)]
        optimizer = make_optimizer(OptimizerSpec(optimizer=form), [{"params": weights}])
        for _ in range(2):  # velocities are made at the first
            for w in weights:
                w.grad = torch.ones(2)
            with Calls() as calls:
                optimizer.step()
        called.append(calls.names)
    assert called[0] == called[1]


def test_the_two_forms_of_lars_differ_only_when_the_rate_changes():
    moved = {}
    for form in ("lars", "lars_out"):
        for rates in ((0.1, 0.1, 0.1), (0.1, 0.2, 0.3)):
            w = nn.Parameter(torch.ones(3, dtype=torch.float64))
            spec = OptimizerSpec(optimizer=form, lr=1.0, weight_decay=0.0)
            optimizer = make_optimizer(spec, [{"params": [w]}])
            for rate in rates:
                optimizer.param_groups[0]["lr"] = rate
                w.grad = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
                optimizer.step()
            moved[form, rates] = w.detach()
    assert torch.allclose(moved["lars", (0.1, 0.1, 0.1)], moved["lars_out", (0.1, 0.1, 0.1)])
    assert not torch.allclose(moved["lars", (0.1, 0.2, 0.3)], moved["lars_out", (0.1, 0.2, 0.3)])


@given(total=st.integers(1, 1000), warmup=st.floats(0, 1), step=st.integers(0, 1000))
def test_the_schedule_stays_within_its_bounds(total, warmup, step):
    value = schedule(OptimizerSpec(warmup=warmup), Progress(min(step, total - 1), total, 0, 1))
    assert 0.0 <= value <= 1.0


def test_the_rate_may_rise_from_another_than_nothing():
    """SwAV's: from 0.3 to 4.8."""
    spec = OptimizerSpec(lr=4.8, warmup=0.5, warmup_start=0.3 / 4.8)
    rates = [spec.lr * schedule(spec, Progress(step, 200, 0, 1)) for step in (0, 49, 99)]
    assert rates == pytest.approx([0.3 + 4.5 * share for share in (0.01, 0.5, 1)])


def test_the_schedule_rises_then_falls_to_nothing():
    spec = OptimizerSpec(warmup=0.1)
    values = [schedule(spec, Progress(step, 100, 0, 1)) for step in range(100)]
    peak = values.index(max(values))
    assert values[0] == pytest.approx(0.1)
    assert peak in (9, 10)
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)
    assert values[-1] < 0.001


def test_a_group_may_keep_its_rate_and_be_left_undecayed():
    spec = OptimizerSpec(lr=0.5, weight_decay=0.1, warmup=0.0)
    one, two = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    kept = {"params": [two], "scheduled": False, "weight_decay_scale": 0.0}
    optimizer = make_optimizer(spec, [{"params": [one]}, kept])
    set_rates(optimizer, spec, Progress(50, 100, 0, 1))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25)
    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.1)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.5)
    assert optimizer.param_groups[1]["weight_decay"] == 0.0


def test_a_tied_parameter_moves_once():
    w = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer(
        OptimizerSpec(lr=1.0, weight_decay=0.0, momentum=0.0), [{"params": [w, w]}, {"params": [w]}]
    )
    w.grad = torch.ones(1)
    optimizer.step()
    assert w.item() == 0.0


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "lars", "larc"])
def test_what_stood_still_begins_to_move(optimizer):
    """Prototypes get their first gradient when they are thawed, and then move as if they were new."""
    late, early, new = (nn.Parameter(torch.ones(2, 2)) for _ in range(3))
    spec = OptimizerSpec(optimizer=optimizer, lr=0.1)
    both, alone = (make_optimizer(spec, [{"params": p}]) for p in ([early, late], [new]))
    early.grad = torch.ones(2, 2)
    both.step()
    early.grad, late.grad, new.grad = (torch.full((2, 2), 0.5) for _ in range(3))
    both.step()
    alone.step()
    assert torch.equal(late, new) and not torch.equal(late, torch.ones(2, 2))


def test_the_rate_falls_where_the_paper_drops_it():
    """InstDisc and MoCo: 200 epochs, a tenth from 120 on, a hundredth from 160 on."""
    spec = OptimizerSpec(schedule="step", drops=(0.6, 0.8), warmup=0.0)
    values = [schedule(spec, Progress(epoch, 200, epoch, 200)) for epoch in (0, 119, 120, 159, 160, 199)]
    assert values == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_cosine_ends_at_its_floor():
    spec = OptimizerSpec(floor=1e-3, warmup=0.0)
    assert schedule(spec, Progress(0, 10**6, 0, 1)) == pytest.approx(1)
    assert schedule(spec, Progress(10**6 - 1, 10**6, 0, 1)) == pytest.approx(1e-3, rel=1e-3)


def test_going_on_copies_no_method_with_the_functions_of_its_groups():
    class Heavy:
        copies = 0

        def __deepcopy__(self, memo):
            Heavy.copies += 1
            return self

        def scale(self, progress):
            return 0.5

    heavy = Heavy()
    groups = [{"params": [nn.Parameter(torch.ones(2))], "weight_decay_scale": heavy.scale}]
    optimizer = make_optimizer(OptimizerSpec(optimizer="adamw"), groups)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    optimizer.step()
    state = {"state": optimizer.state_dict()["state"]}
    _load(optimizer, state)
    assert Heavy.copies == 0
    assert optimizer.param_groups[0]["weight_decay_scale"] == heavy.scale
