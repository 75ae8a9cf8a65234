"""Runs that one process or several begin and go on with, for tests of both."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from torch import Tensor

import tiny
from twofold.core import dist
from twofold.core.batch import Batch, Progress, Step
from twofold.core.errors import TwofoldError
from twofold.core.run import RunFolder
from twofold.core.source import Images
from twofold.data import open_source
from twofold.methods.simclr import SimCLR
from twofold.train import go_on as going_on
from twofold.train import length
from twofold.train.checkpoint import load_checkpoint
from twofold.train.engine import Engine
from twofold.train.interrupts import Stopped
from twofold.train.loop import Training, embed_all
from twofold.train.optim import OptimizerSpec
from twofold.train.prepare import images_for, prepare
from twofold.train.pretrain import resume, start
from twofold.train.resolve import Request
from twofold.train.stream import Stream
from twofold.views import recipes
from twofold.views.maker import ViewMaker

SMALL = {"encoder": "resnet18_w4", "size": 16, "view_size": 16, "batch_size": 8, "epochs": 1.6, "seed": 3}


class Silent:
    """Shows nothing; asks this process to stop, as Ctrl-C does, when a step is reached."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, progress: Any, figures: Any) -> None:
        if progress.step == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)


def begin(data: Path, out: Path, stop_at: int | None = None, changes: dict[str, Any] | None = None) -> Path:
    """The folder of a new run, stopped or finished."""
    engine, opened, show = Engine.start("fp32", threads=1), {"data": str(data)}, Silent(stop_at)
    with dist.one_before_the_others():
        source = open_source(**opened, progress=False)
    prepared = prepare(Request(**{**SMALL, **(changes or {})}), source, opened, engine=engine, show=show)
    try:
        return start(prepared, out, show).path
    except Stopped as stopped:
        return stopped.args[0].path


def stop_while_a_checkpoint_is_written(data: Path, out: Path) -> int:
    """Of which step the checkpoint is that is there when this process leaves."""
    real = going_on.keep_checkpoint

    def slow(folder: Path, state: dict[str, Any]) -> None:
        time.sleep(0.5 if state["step"] else 0.0)
        real(folder, state)

    going_on.keep_checkpoint = slow  # type: ignore[assignment]
    try:
        path = begin(data, out, stop_at=4)
        step: int = load_checkpoint(path / "last.ckpt")["step"]
        return step
    finally:
        going_on.keep_checkpoint = real  # type: ignore[assignment]


def begin_by_the_clock(data: Path, out: Path) -> Path:
    """A run of so many minutes, where each process measures another speed."""
    real = length.seconds_a_step
    length.seconds_a_step = lambda training, seconds: 0.04 * (1 + dist.rank())  # type: ignore[assignment]
    try:
        return begin(data, out, changes={"epochs": None, "minutes": 0.003})
    finally:
        length.seconds_a_step = real


def go_on(path: Path) -> list[str]:
    """What was noted on the way to the end."""
    show, run = Silent(), RunFolder.open(path)
    resume(
        run, open_source(**run.spec["data"]["open"], progress=False), Engine.start("fp32", threads=1), show
    )
    return show.notes


def refusal(data: Path, out: Path) -> str:
    """What is told where a run cannot begin or has to stop."""
    try:
        begin(data, out)
    except TwofoldError as error:
        return str(error)
    raise AssertionError("it was not refused")


def refusal_to_go_on(path: Path) -> str:
    try:
        go_on(path)
    except TwofoldError as error:
        return str(error)
    raise AssertionError("it was not refused")


def with_a_loss_that_is_no_number(data: Path, out: Path) -> tuple[str, list[str]]:
    """On the last process, at the second step; what is told, and this process's images of that step."""
    real, items = SimCLR.forward, []

    def poisoned(self: SimCLR, batch: Batch, progress: Progress) -> Step:
        step = real(self, batch, progress)
        items.append(batch.item)
        last = dist.rank() == dist.world_size() - 1
        return step._replace(loss=step.loss * float("nan")) if last and len(items) == 2 else step

    SimCLR.forward = poisoned  # type: ignore[method-assign]
    try:
        told = refusal(data, out)
    finally:
        SimCLR.forward = real  # type: ignore[method-assign]
    paths = images_of(data).paths
    return told, [paths[row] for row in items[-1]]


def embedded(data: Path) -> Tensor:
    """The features of all images, by an untrained encoder."""
    method = tiny.make_method("simclr")
    stream = Stream(images_of(data), ViewMaker(recipes.C, seed=0, view_size=16, channels=3), 8, 0)
    engine = Engine.start("fp32", threads=1)
    training = Training(method, tiny.make_optimizer(method), OptimizerSpec(), stream, engine, 1)
    return embed_all(training, batch_size=5)


def images_of(data: Path) -> Images:
    return images_for("simclr", open_source(str(data), progress=False))
