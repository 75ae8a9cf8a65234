"""One contract over every method, evaluation and data set that is found."""

import dataclasses
import io
import math
import re

import pytest
import torch
from torch import Tensor

import tiny
from processes import in_processes, three_processes
from twofold.core import registry
from twofold.core.method import Method
from twofold.core.recipe import Recipe
from twofold.nn.queue import Queue
from twofold.views.ops.patches import Patches

METHODS = registry.names("methods")


@pytest.fixture(autouse=True)
def one_thread(fixed_start: None) -> None:
    """Networks this small only wait for a second thread."""
    torch.set_num_threads(1)


every_method = pytest.mark.parametrize("name", METHODS)


def pair_of(name: str) -> bool:
    """Whether a method compares two whole views."""
    recipe = registry.find("methods", name).views
    return len(recipe.globals_) == 2 and not any(
        isinstance(one, Patches) for view in recipe.views for one in view.operations
    )


def moving(method: Method) -> dict[str, Tensor]:
    """Parameters that the optimiser is given."""
    given = {id(p) for group in method.param_groups() for p in group["params"]}
    return {name: p for name, p in method.named_parameters() if id(p) in given}


def state(method: Method) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in method.state_dict().items()}


@every_method
def test_cites_its_paper_in_the_first_line(name: str) -> None:
    cls = registry.find("methods", name)
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", registry.summary("methods", name))
    assert re.search(r"^Args:$", cls.__doc__ or "", re.MULTILINE) or "    Args:" in (cls.__doc__ or "")


@every_method
def test_learns_one_batch(name: str) -> None:
    """The loss falls, measured against the queues of the start: one that fills up hardens the task."""
    method = tiny.make_method(name)
    batch = tiny.make_batch(method)
    queues = [(queue, queue.keys.clone()) for queue in method.modules() if isinstance(queue, Queue)]
    before = method(batch, tiny.progress(0)).loss
    optimizer = torch.optim.Adam(method.param_groups(), lr=3e-3)
    for step in range(8):
        tiny.take_step(method, optimizer, batch, step)
    for queue, keys in queues:
        queue.keys.copy_(keys)
        queue.written.zero_()
    after = method(batch, tiny.progress(0)).loss
    assert after < before - 0.02 * before.abs()


@every_method
def test_one_step_moves_all_that_should_move_and_nothing_else(name: str) -> None:
    method = tiny.make_method(name)
    should_move = moving(method)
    assert {n for n, p in method.named_parameters() if p.requires_grad} == set(should_move)
    optimizer = tiny.make_optimizer(method)
    tiny.take_step(method, optimizer, tiny.make_batch(method), 0)  # wakes residual branches that start at 0

    for parameter in method.parameters():
        parameter.requires_grad_(True)  # a gradient that leaks behind a stop would now be seen
    optimizer.zero_grad()
    before = state(method)
    tiny.take_step(method, optimizer, tiny.make_batch(method, seed=1), 1)
    for key, parameter in method.named_parameters():
        if key in should_move:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, f"no gradient: {key}"
            assert not torch.equal(parameter, before[key]), f"stands still: {key}"
        else:
            assert parameter.grad is None or not parameter.grad.any(), f"gradient behind a stop: {key}"


@every_method
def test_forward_only_reads_and_stages(name: str) -> None:
    method = tiny.make_method(name)
    before = state(method)
    seen = method(tiny.make_batch(method), tiny.progress(0)).seen
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    for key, value in method.state_dict().items():
        assert key.endswith(statistics) or torch.equal(value, before[key]), key
    assert not any(value.requires_grad for value in seen.values())
    assert seen["embedding"].shape[0] == tiny.COUNT


@every_method
def test_resumes_exactly(name: str) -> None:
    method = tiny.make_method(name)
    optimizer = tiny.make_optimizer(method)
    batches = [tiny.make_batch(method, seed) for seed in range(4)]
    for step in range(2):
        tiny.take_step(method, optimizer, batches[step], step)
    file = io.BytesIO()
    torch.save((method.state_dict(), optimizer.state_dict()["state"]), file)

    resumed = tiny.make_method(name)
    resumed_optimizer = tiny.make_optimizer(resumed)
    file.seek(0)
    weights, moments = torch.load(file)
    resumed.load_state_dict(weights)
    groups = resumed_optimizer.state_dict()["param_groups"]  # with functions, which belong to the method
    resumed_optimizer.load_state_dict({"state": moments, "param_groups": groups})
    torch.manual_seed(1)  # nothing may hang on torch's own generator
    for step in range(2, 4):
        first = tiny.take_step(method, optimizer, batches[step], step)
        assert torch.equal(first, tiny.take_step(resumed, resumed_optimizer, batches[step], step))
    for key, value in method.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


@every_method
def test_survives_bf16(name: str) -> None:
    method = tiny.make_method(name)
    batch = tiny.make_batch(method)
    exact = method(batch, tiny.progress(0)).loss
    with torch.autocast("cpu", torch.bfloat16):
        loss = method(batch, tiny.progress(0)).loss
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.05, abs=0.05)
    assert all(math.isfinite(p.grad.sum()) for p in method.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", [name for name in METHODS if pair_of(name)])
def test_the_two_views_may_differ_in_size(name: str) -> None:
    recipe = registry.find("methods", name).views
    pair = [recipe.expanded[position] for position in recipe.globals_]
    smaller = dataclasses.replace(pair[1], crop=dataclasses.replace(pair[1].crop, side=0.75))
    method = tiny.make_method(name, recipe=Recipe("two sizes", (pair[0], smaller)))
    batch = tiny.make_batch(method)
    assert [view.pixels.shape[-1] for view in batch.views] == [tiny.SIDE, 0.75 * tiny.SIDE]
    assert tiny.take_step(method, tiny.make_optimizer(method), batch, 0).isfinite()


@pytest.mark.parametrize(("count", "steps"), [(2, 3), pytest.param(3, 1, marks=three_processes)])
@every_method
def test_several_processes_do_what_one_does_with_the_whole_batch(name: str, count: int, steps: int) -> None:
    parts = in_processes(count, tiny.train, name, None, steps)
    tiny.assert_equal_training(parts, tiny.train(name, None, steps))
