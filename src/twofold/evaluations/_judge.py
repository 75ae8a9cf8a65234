"""Judges subjects beside their floors."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from twofold.core.evaluation import Score
from twofold.core.source import Source
from twofold.data.screen import Screen
from twofold.evaluations._features import features
from twofold.evaluations._floors import floors
from twofold.evaluations._scores import averaged
from twofold.evaluations._subjects import Subject, resolve
from twofold.evaluations._task import Embedded, Task
from twofold.train.engine import Engine

Evaluation = Callable[[Embedded], Iterator[Score]]


class Judgement(NamedTuple):
    """What came out.

    Args:
        scores: Of all subjects.
        floors: Names of the floors of each subject that was asked for.
        notes: What a reader of the figures has to know.
    """

    scores: list[Score]
    floors: dict[str, list[str]]
    notes: list[str]


def judge(
    names: Sequence[str],
    source: Source,
    task: Task,
    evaluations: Sequence[Evaluation],
    *,
    engine: Engine,
    screen: Screen | None = None,
) -> Judgement:
    """Judges subjects and, always, their floors.

    Args:
        names: As a user writes them: runs, checkpoints, ``timm:NAME``, ``random:NAME``, ``pixels``.
        source: The data.
        task: What of it is judged.
        evaluations: Protocols.
        engine: Where it is computed.
        screen: Where progress is shown.

    Raises:
        UsageError: If there is no such subject.
        TwofoldError: If a subject cannot be had, or does not fit the task.
    """
    asked = [resolve(name, source) for name in dict.fromkeys(names)]
    below = {subject.name: floors(subject, source, engine) for subject in asked}
    everyone = {one.name: one for group, _ in below.values() for one in group}
    everyone |= {subject.name: subject for subject in asked}
    scores = [
        score
        for subject in sorted(everyone.values(), key=_rank)
        for score in _scores_of(subject, task, evaluations, engine, screen or Screen(speaks=False))
    ]
    notes = dict.fromkeys(note for _, missing in below.values() for note in missing)
    return Judgement(
        scores,
        {name: [floor.name for floor in group] for name, (group, _) in below.items()},
        [*task.notes, *notes],
    )


def embed(subject: Subject, network: nn.Module, task: Task, engine: Engine, screen: Screen) -> Embedded:
    """A subject's features of the task, by one of its networks."""
    network = engine.place(network)
    sides = []
    with screen.bar(subject.name, len(task.fit) + len(task.judge)) as advance:
        for images in (task.fit, task.judge):
            found = features(
                network, images, size=subject.size, channels=subject.channels, engine=engine, advance=advance
            )
            sides.append(torch.from_numpy(found).to(engine.device))
    return Embedded(subject.name, task, sides[0], sides[1], {**task.protocol, **subject.protocol})


def _scores_of(
    subject: Subject, task: Task, evaluations: Sequence[Evaluation], engine: Engine, screen: Screen
) -> list[Score]:
    repeats = []
    for make in subject.networks:
        embedded = embed(subject, make(), task, engine, screen)
        repeats.append([score for evaluation in evaluations for score in evaluation(embedded)])
    return averaged(repeats)


def _rank(subject: Subject) -> int:
    """Pixels first: where the labels do not fit an evaluation, that shows within seconds."""
    return {"pixels": 0, "random": 1}.get(subject.name.partition(":")[0], 2)
