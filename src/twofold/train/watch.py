"""What is seen of a training while it goes on: the bar, the log, trackers, probes and alarms."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, runtime_checkable

from twofold.core.batch import Progress, Step
from twofold.core.run import RunFolder
from twofold.core.source import Source
from twofold.nn.encoder import Encoder
from twofold.train.alarms import Alarms
from twofold.train.log import Log
from twofold.train.loop import Training
from twofold.train.monitors import GradientNorm, measure
from twofold.train.pace import Pace
from twofold.train.probes import OnlineProbes
from twofold.train.trackers import Name, open_tracker

_LINES, _LINES_AN_EPOCH = 200, 8
"""Fewest lines of the log, of a whole training and of an epoch: three have to agree that something fails."""


@runtime_checkable
class Show(Protocol):
    """Where progress is shown; the command line passes a live bar."""

    def note(self, text: str) -> None:
        """A line of text."""
        ...

    def step(self, progress: Progress, figures: Callable[[], dict[str, float]]) -> None:
        """After every step; figures are made when they are asked for, which reads the loss off the device."""
        ...


class Watcher:
    """Called after every step, it does what is due: little after most, everything after a logged one.

    Nothing it does changes what is learned.

    Args:
        training: What is watched.
        folder: Where the log is.
        source: Its training split, if labelled, is what probes are fitted to and judged on.
        show: Where progress is shown.
        track: Where else figures go.
    """

    def __init__(
        self, training: Training, folder: RunFolder, source: Source, show: Show, track: Name | None = None
    ) -> None:
        self._training, self._show = training, show
        self._pace = Pace(training.stream.batch_size)
        self._log = Log(folder.path / "log.jsonl")
        self._tracker = open_tracker(track, folder, training.step, show.note) if track else None
        self._every = max(
            1, min(training.total // _LINES, training.stream.steps_per_epoch // _LINES_AN_EPOCH)
        )
        self._gradients = GradientNorm(training.optimizer, lambda: self._due(training.step + 1))
        self._probes = _probes(training, source)
        self._looks = _looks(training.progress()) if self._probes else set()
        self._alarms = Alarms()
        self._recall(folder)
        self._latest: dict[str, float] = {}

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gradients.close()
        if self._tracker:
            self._tracker.close(error)

    def __call__(self, progress: Progress, step: Step, rate: float) -> None:
        """After a step."""
        self._pace.tick(self._training.waited)
        if self._due(progress.step):
            self._measure(progress, step, rate)
        self._show.step(progress, lambda: self._figures(progress, step))

    def _recall(self, folder: RunFolder) -> None:
        """What a run that goes on has logged already; its alarms were told then."""
        now, passed = self._training.progress(), 0.0
        for line in folder.log():
            passed = line.get("seconds", passed)
            figures = {name: value for name, value in line.items() if isinstance(value, int | float)}
            if {"loss", "epoch"} <= figures.keys():
                self._alarms(now._replace(step=line["step"], epoch=line["epoch"]), figures)
        self._pace.began -= passed

    def _due(self, step: int) -> bool:
        """The first step, whose embeddings are an untrained network's, each so-many-th and the last."""
        return step in (1, self._training.total) or step % self._every == 0 or step in self._looks

    def _measure(self, progress: Progress, step: Step, rate: float) -> None:
        seen = measure(step)
        if self._probes and progress.step in self._looks:
            seen |= self._probes(self._training.method.encoder)
        self._latest |= seen
        self._keep(
            progress,
            {
                "loss": step.loss.item(),
                **seen,
                "gradient_norm": self._gradients.value or 0.0,
                "lr": rate,
                "images_per_second": self._pace.images_per_second,
                "data_wait": self._pace.data_wait,
                "seconds": self._pace.seconds,
            },
        )
        for name, text in self._alarms(progress, seen):
            self._log.alarm(progress.step, name, text)
            if self._tracker:
                self._tracker.alarm(progress.step, name, text)
            self._show.note(f"! {text}")

    def _keep(self, progress: Progress, figures: Mapping[str, float]) -> None:
        self._log.figures(progress.step, progress.epoch, figures)
        if self._tracker:
            self._tracker.log(progress.step, figures)

    def _figures(self, progress: Progress, step: Step) -> dict[str, float]:
        """What the bar shows: the loss of this step, what was measured last, and the pace."""
        return {
            "loss": step.loss.item(),
            "images_per_second": self._pace.images_per_second,
            "seconds_left": self._pace.seconds_left(progress),
            **self._latest,
        }


def _probes(training: Training, source: Source) -> OnlineProbes | None:
    """Where the training split has labels enough."""
    split = source.splits.get("train")
    if split is None:
        return None
    encoder = training.method.encoder
    assert isinstance(encoder, Encoder)
    probes = OnlineProbes(split, encoder.spec["size"], training.engine)
    return probes if probes.possible else None


def _looks(progress: Progress) -> set[int]:
    """Steps after which the probes look: each ten epochs, but 5 times at least and 40 at most."""
    times = max(5, min(40, progress.epochs // 10))
    return {round(progress.total * (share + 1) / times) for share in range(times)}
