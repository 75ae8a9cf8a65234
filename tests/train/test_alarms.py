"""Every form of failure is forced in a tiny training and seen named; healthy trainings raise no alarm."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import nn

import tiny
from twofold.core import registry
from twofold.core.batch import Batch, Progress, Step
from twofold.core.method import Method
from twofold.methods.simsiam import SimSiam
from twofold.objectives.similarity import negative_cosine
from twofold.train.alarms import Alarms
from twofold.train.monitors import measure
from twofold.train.optim import OptimizerSpec, make_optimizer, set_rates

COUNT = 32


def alarms_of(
    method: Method,
    spec: OptimizerSpec,
    *,
    epochs: int,
    steps: int,
    views: Callable[[Batch], Batch] = lambda batch: batch,
) -> dict[str, int]:
    """The alarms of a short training by name, and the epoch, 0 or later, in which each was told.

    Args:
        method: What is trained.
        spec: How.
        epochs: How long.
        steps: Of an epoch.
        views: Changes each batch.
    """
    alarms, told = Alarms(), {}
    optimizer = make_optimizer(spec, method.param_groups())
    for done in range(epochs * steps):
        before, after = (Progress(at, epochs * steps, at // steps, epochs) for at in (done, done + 1))
        set_rates(optimizer, spec, before)
        seen = tiny.turn(method, optimizer, views(tiny.make_batch(method, done, count=COUNT)), before)
        told |= {alarm.name: done // steps for alarm in alarms(after, measure(seen))}
    return told


def own_optimizer(method: Method) -> OptimizerSpec:
    """That of the method's small preset, for batches of this size."""
    names = {field.name for field in fields(OptimizerSpec)} - {"momentum"}
    own: dict[str, Any] = {k: v for k, v in method.presets.get("small", {}).items() if k in names}
    rate = own.get("lr", OptimizerSpec().lr) * COUNT / 256
    return OptimizerSpec(**{**own, "lr": rate, "warmup": 0.1})


SGD = OptimizerSpec(lr=0.05, weight_decay=0.0, warmup=0.0, schedule="constant")
ADAMW = OptimizerSpec("adamw", lr=4e-3, weight_decay=0.0, warmup=0.0, schedule="constant")


def test_byol_without_its_predictor() -> None:
    method = tiny.make_method("byol", momentum=0.9)
    method.predictor = nn.Identity()
    assert alarms_of(method, SGD, epochs=1, steps=24) == {"collapse": 0}


class WithoutStoppedGradient(SimSiam):
    """Both sides of the loss are descended: what must not be done."""

    def forward(self, batch: Batch, progress: Progress) -> Step:
        z1, z2 = (self.projector(self.encoder(view.pixels)) for view in batch.views)
        loss = negative_cosine(self.predictor(z1), z2) + negative_cosine(self.predictor(z2), z1)
        return Step(loss, {"embedding": z1.detach(), "positive": z2.detach()})


def test_simsiam_without_a_stopped_gradient() -> None:
    """A batch norm ends the embedding, so that it cannot become one point: it becomes one direction."""
    method = WithoutStoppedGradient(tiny.make_encoder, hidden=64, dim=64, bottleneck=16, depth=2)
    told = alarms_of(method, OptimizerSpec(lr=0.3, weight_decay=0.0, warmup=0.0), epochs=1, steps=50)
    assert told.keys() & {"one_direction", "low_rank"}


def dino(**changes: Any) -> Method:
    return tiny.make_method("dino", momentum=0.9, frozen_epochs=0, **changes)


def test_dino_without_centring() -> None:
    told = alarms_of(dino(center_momentum=1.0), ADAMW, epochs=1, steps=30)
    assert "one_target" in told and "uniform_targets" not in told


def test_dino_without_sharpening() -> None:
    blunt = dino(teacher_temperature=0.1, first_temperature=0.1)  # the student's own
    told = alarms_of(blunt, ADAMW, epochs=1, steps=40)
    assert "uniform_targets" in told and "one_target" not in told


def test_targets_that_are_vague_from_the_start_have_an_epoch_to_become_clear() -> None:
    vague = dino(teacher_temperature=1.0, first_temperature=1.0)
    assert alarms_of(vague, ADAMW, epochs=2, steps=6)["uniform_targets"] == 1


def test_barlow_twins_without_decorrelation() -> None:
    told = alarms_of(tiny.make_method("barlow_twins", off_diagonal=0.0), ADAMW, epochs=1, steps=40)
    assert told.keys() & {"one_direction", "low_rank"}


def same_view_twice(batch: Batch) -> Batch:
    return batch._replace(views=(batch.views[0],) * len(batch.views))


@pytest.mark.parametrize("name", ["simclr", "byol", "vicreg"])
def test_views_that_do_not_differ_are_too_easy(name: str) -> None:
    method = tiny.make_method(name)
    assert alarms_of(method, own_optimizer(method), epochs=1, steps=4, views=same_view_twice) == {
        "too_easy": 0
    }


@pytest.mark.parametrize("name", registry.names("methods"))
def test_a_healthy_training_raises_no_alarm(name: str) -> None:
    torch.set_num_threads(1)
    method = tiny.make_method(name, **({"sub_batch": 16} if name == "w_mse" else {}))
    assert alarms_of(method, own_optimizer(method), epochs=2, steps=7) == {}


EVEN = {"std": 0.9, "rank": 40.0}


def told_of(*lines: dict[str, float], epoch: int = 0, step: int = 1) -> list[str]:
    alarms = Alarms()
    progress = Progress(step, 1000, epoch, 10)
    return [alarm.name for line in lines for alarm in alarms(progress, line)]


def test_an_alarm_is_told_after_three_in_a_row_and_once() -> None:
    bad = {"std": 0.01, "rank": 1.5}
    assert told_of(EVEN, bad, bad, EVEN, bad, bad) == []
    assert told_of(EVEN, bad, bad, bad, bad, EVEN, bad, bad, bad) == ["collapse"]


def test_a_network_that_starts_with_much_alike_embeddings_has_not_collapsed() -> None:
    """As without batch norm: its own untrained figures are what counts."""
    alike = {"std": 0.05, "rank": 1.3, "positive": 0.9}
    assert told_of(alike, *[{"std": 0.04, "rank": 1.2, "positive": 0.9}] * 5) == []


def test_labels_as_targets_may_leave_few_directions() -> None:
    few = {"std": 0.9, "rank": 1.9}
    assert told_of(EVEN, *[few] * 5) == []
    assert told_of(EVEN, *[{**few, "positive": 0.5}] * 5) == ["one_direction"]


def test_targets_that_tell_images_apart_are_no_collapse() -> None:
    """In the beginning, if they tell more than two groups apart, which is what one direction leaves."""
    few = {"std": 0.9, "rank": 1.9, "positive": 0.5, "assignment_entropy": 3.0}
    start = {**EVEN, "assignment_information": 2.0, "assignment_entropy": 3.0}
    telling, two = ([{**few, "assignment_information": nats}] * 5 for nats in (0.8, math.log(2)))
    assert told_of(start, *telling) == told_of(start, *telling, epoch=5) == []
    assert told_of(start, *telling, step=200) == []
    assert told_of(start, *telling, epoch=1, step=200) == ["one_direction"]
    assert told_of(start, *two) == ["one_direction"]
    same = {**telling[0], "std": 0.1}  # which a slow teacher may not have followed yet
    assert told_of(start, *[same] * 5) == ["collapse"]


def test_in_later_epochs_a_task_may_have_become_easy() -> None:
    easy = {**EVEN, "positive": 0.999}
    assert told_of(*[easy] * 5) == ["too_easy"]
    assert told_of(*[easy] * 5, epoch=1) == []


UNLABELLED = [
    name
    for name in registry.names("methods")
    if not registry.find("methods", name).learns_from_labels and name != "distillation"
]


@pytest.mark.parametrize("name", UNLABELLED)
def test_one_direction_is_seen_of_every_method_without_labels(name: str) -> None:
    method = tiny.make_method(name, **({"sub_batch": 16} if name == "w_mse" else {}))
    step = method(tiny.make_batch(method), tiny.progress(0))
    assert {"std", "rank", "positive"} <= measure(step).keys()
    now = {**measure(step), "rank": 40.0}
    alarms, flat = Alarms(), {**now, "rank": 1.0, "assignment_information": math.log(2)}
    assert alarms(Progress(1, 100, 0, 2), now) == []
    told = [alarm.name for _ in range(3) for alarm in alarms(Progress(2, 100, 0, 2), flat)]
    assert "one_direction" in told
