"""Judges subjects beside their floors."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from twofold.core.evaluation import Artefact, Evaluation, Score
from twofold.core.source import Source
from twofold.data.screen import Screen
from twofold.evaluations._floors import floors
from twofold.evaluations._look import Look
from twofold.evaluations._scores import averaged
from twofold.evaluations._subjects import Subject, resolve
from twofold.evaluations._task import Embedded, Task
from twofold.train.engine import Engine


class Judgement(NamedTuple):
    """What came out.

    Args:
        scores: Of all subjects.
        floors: Names of the floors of each subject that was asked for.
        notes: What a reader of the figures has to know.
        artefacts: Of all subjects.
    """

    scores: list[Score]
    floors: dict[str, list[str]]
    notes: list[str]
    artefacts: list[Artefact]


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
    scores: list[Score] = []
    artefacts: list[Artefact] = []
    for subject in sorted(everyone.values(), key=_rank):
        found = _judged(subject, task, evaluations, engine, screen or Screen(speaks=False))
        scores += averaged([[one for one in repeat if isinstance(one, Score)] for repeat in found])
        artefacts += [one for one in found[0] if isinstance(one, Artefact)]
    notes = dict.fromkeys(note for _, missing in below.values() for note in missing)
    return Judgement(
        scores,
        {name: [floor.name for floor in group] for name, (group, _) in below.items()},
        [*task.notes, *notes],
        artefacts,
    )


def embed(subject: Subject, network: nn.Module, task: Task, engine: Engine, screen: Screen) -> Embedded:
    """A subject's features of the task, by one of its networks."""
    parts = {name: engine.place(part) for name, part in subject.parts().items()}
    look = Look(engine.place(network), subject.size, subject.channels, engine, screen, parts)
    with screen.bar(subject.name, len(task.fit) + len(task.judge)) as advance:
        fit, judge = (look.features(images, advance=advance) for images in (task.fit, task.judge))
    return Embedded(subject.name, task, fit, judge, {**task.protocol, **subject.protocol}, look)


def _judged(
    subject: Subject, task: Task, evaluations: Sequence[Evaluation], engine: Engine, screen: Screen
) -> list[list[Score | Artefact]]:
    """What each of the subject's networks came to."""
    repeats = []
    for make in subject.networks:
        embedded = embed(subject, make(), task, engine, screen)
        repeats.append([one for evaluation in evaluations for one in evaluation(embedded)])
    return repeats


def _rank(subject: Subject) -> int:
    """Pixels first: where the labels do not fit an evaluation, that shows within seconds."""
    return {"pixels": 0, "random": 1}.get(subject.name.partition(":")[0], 2)
