"""Judges subjects beside their floors."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import nn

from twofold.core.errors import UsageError
from twofold.core.evaluation import Artefact, Evaluation, Score, read_sides
from twofold.core.source import Source
from twofold.data.screen import Screen
from twofold.evaluations._floors import floors
from twofold.evaluations._look import Look
from twofold.evaluations._scores import averaged
from twofold.evaluations._seen_labels import seen_labels
from twofold.evaluations._subjects import Subject, resolve
from twofold.evaluations._task import Embedded, Task
from twofold.train.engine import Engine


class Judgement(NamedTuple):
    """What came out, or has come out so far.

    Args:
        scores: Of all subjects.
        floors: Of each subject that was asked for, what its floors are called here, and what they are called
            where nothing else is.
        notes: What a reader of the figures has to know.
        artefacts: Of all subjects.
        runs: Folder of each subject that was asked for and is a run, or ends inside of one.
    """

    scores: list[Score]
    floors: dict[str, dict[str, str]]
    notes: list[str]
    artefacts: list[Artefact]
    runs: dict[str, Path]


def judge(
    names: Sequence[str],
    source: Source,
    task: Task,
    evaluations: Sequence[Evaluation],
    *,
    engine: Engine,
    screen: Screen | None = None,
    beside_floors: bool = True,
    after: Callable[[Judgement], object] = lambda _: None,
) -> Judgement:
    """Judges subjects and their floors.

    Args:
        names: As a user writes them: runs, checkpoints, ``timm:NAME``, ``random:NAME``, ``pixels``.
        source: The data.
        task: What of it is judged.
        evaluations: Protocols.
        engine: Where it is computed.
        screen: Where progress is shown.
        beside_floors: False where subjects are compared with each other alone.
        after: Given what has come out so far, each time that a subject is done with.

    Raises:
        UsageError: If there is no such subject, or two are called the same.
        TwofoldError: If a subject cannot be had, or does not fit the task.
    """
    asked = _asked(names, source)
    everyone = {subject.name: subject for subject in asked.values()}
    tasks = [task, *_elsewhere(evaluations, task)]
    notes = _noted(tasks, lambda one: one.notes)
    judgement = Judgement([], {}, notes, [], {one.name: one.run for one in asked.values() if one.run})
    for text, subject in asked.items():
        below, missing = floors(subject, source, engine) if beside_floors else ([], [])
        judgement.floors[subject.name] = {_beside(everyone, floor, subject): floor.name for floor in below}
        seen = _noted(tasks, partial(seen_labels, text, subject))
        judgement.notes.extend(note for note in (*missing, *seen) if note not in judgement.notes)
    for subject in sorted(everyone.values(), key=_rank):
        found = _judged(subject, task, evaluations, engine, screen or Screen(speaks=False))
        scores = averaged([[one for one in repeat if isinstance(one, Score)] for repeat in found])
        judgement.scores.extend(scores)
        judgement.artefacts.extend(one for one in found[0] if isinstance(one, Artefact))
        after(judgement)
    return judgement


@runtime_checkable
class _JudgesElsewhere(Protocol):
    """A protocol that judges on other data."""

    def tasks(self, task: Task) -> Iterable[Task]:
        """What that is, with what has to be known of it, where ``task`` is judged."""
        ...


def _elsewhere(evaluations: Sequence[Evaluation], task: Task) -> list[Task]:
    return [other for one in evaluations if isinstance(one, _JudgesElsewhere) for other in one.tasks(task)]


def _noted(tasks: Sequence[Task], notes_of: Callable[[Task], Iterable[str]]) -> list[str]:
    """Notes on the task, and on others with the name of their data."""
    own, *others = tasks
    return [*notes_of(own), *(f"{one.protocol['data']}: {note}" for one in others for note in notes_of(one))]


def _asked(names: Sequence[str], source: Source) -> dict[str, Subject]:
    """What each name means; a subject once, however often it is named."""
    found: dict[str, Subject] = {}
    called: set[str] = set()
    places = set()
    for text in names:
        if Path(text).resolve() in places:
            continue
        places.add(Path(text).resolve())
        subject = resolve(text, source)
        if subject.name in called:
            raise UsageError(f"{text} is called {subject.name}, and so is another one: rename its folder")
        called.add(subject.name)
        found[text] = subject
    return found


def _beside(everyone: dict[str, Subject], floor: Subject, subject: Subject) -> str:
    """Adds a subject's floor to all that is judged, and tells what it is called there.

    Random networks of one architecture are not the same floor where they see images otherwise.
    """
    for name, other in everyone.items():
        if other.encoder == floor.encoder and name.partition(" (")[0] == floor.name:
            return name
    name = f"{floor.name} (like {subject.name})" if floor.name in everyone else floor.name
    everyone[name] = replace(floor, name=name)
    return name


def embed(
    subject: Subject,
    network: nn.Module,
    task: Task,
    engine: Engine,
    screen: Screen,
    *,
    sides: Collection[str],
) -> Embedded:
    """A subject's features of the task, by one of its networks; of sides that nobody reads there are none."""
    parts = {name: engine.place(part) for name, part in subject.parts().items()}
    look = Look(engine.place(network), subject.size, subject.channels, engine, screen, parts)
    images = {side: images for side, images in (("fit", task.fit), ("judge", task.judge)) if side in sides}
    with screen.bar(subject.name, sum(map(len, images.values()))) as advance:
        found = {side: look.features(some, advance=advance) for side, some in images.items()}
    fit, judge = (found.get(side, torch.empty(0, 0, device=engine.device)) for side in ("fit", "judge"))
    protocol = {**task.protocol, **subject.protocol, "precision": engine.precision}
    return Embedded(subject.name, task, fit, judge, protocol, look)


def _judged(
    subject: Subject, task: Task, evaluations: Sequence[Evaluation], engine: Engine, screen: Screen
) -> list[list[Score | Artefact]]:
    """What each of the subject's networks came to."""
    repeats, sides = [], {side for each in evaluations for side in read_sides(each)}
    for number, make in enumerate(subject.networks):
        embedded = embed(subject, make(), task, engine, screen, sides=sides)._replace(network=number)
        found: list[Score | Artefact] = []
        for evaluation in evaluations:
            name = type(evaluation).__module__.rpartition(".")[2]
            with screen.bar(f"{subject.name}: {name}"):
                found += evaluation(embedded)
        repeats.append(found)
    return repeats


def _rank(subject: Subject) -> int:
    """Pixels first: where the labels do not fit an evaluation, that shows within seconds."""
    return {"pixels": 0, "random": 1}.get(subject.name.partition(":")[0], 2)
