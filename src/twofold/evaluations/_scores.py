"""Scores: of predictions, over repeats, and in a run's folder."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from twofold.core.evaluation import Artefact, Score
from twofold.core.files import write_aside, write_text
from twofold.core.lock import locked
from twofold.core.run import RunFolder
from twofold.evaluations._task import Embedded
from twofold.metrics import classification
from twofold.metrics.intervals import Estimate, over_repeats, standard_deviation

FOUND = "found"
"""Entry of a protocol with what came out on the way, as a selected strength: no part of what is measured."""

_PATIENCE = 10.0
"""Seconds within which another process that judges the same run has written its scores."""


def of_predictions(
    embedded: Embedded, evaluation: str, predictions: Int[Tensor, " m"], protocol: dict[str, Any]
) -> Iterator[Score]:
    """Accuracy, macro-F1 and the recall of each class that was judged."""
    classes = embedded.task.classes
    confusion = classification.confusion(embedded.judge_labels, predictions, len(classes))

    def score(metric: str, estimate: Estimate) -> Score:
        return Score(embedded.subject, evaluation, metric, *estimate, protocol)

    right = (predictions == embedded.judge_labels).double().cpu().numpy()
    yield replace(score("accuracy", classification.accuracy(confusion)), per_image=right)
    yield score("macro_f1", classification.macro_f1(confusion))
    for name, recall in zip(classes, classification.recalls(confusion), strict=True):
        if recall is not None:
            yield score(f"recall/{name}", recall)


def averaged(repeats: Sequence[Sequence[Score]]) -> list[Score]:
    """One score for each figure: the mean over the repeats that tell it, with the values and their spread."""
    same: dict[str, list[Score]] = {}
    for repeat in repeats:
        for identity, score in {_identity(score.to_json()): score for score in repeat}.items():
            same.setdefault(identity, []).append(score)
    return [_mean(each) if len(each) > 1 else each[0] for each in same.values()]


def record(folder: RunFolder, scores: Iterable[Score]) -> Path:
    """Adds scores to the end of the folder's ``scores.json``, in place of what was measured before.

    Raises:
        TwofoldError: If the file is damaged, or another process keeps the folder to itself.
    """
    path = folder.path / "scores.json"
    added = {_identity(score): score for score in (new.to_json() for new in scores)}
    with _alone(folder):
        kept = [score for score in folder.scores() if _identity(score) not in added]
        write_text(path, json.dumps([*kept, *added.values()], indent=1) + "\n")
    return path


def keep(folder: RunFolder, artefacts: Iterable[Artefact]) -> list[Path]:
    """Writes artefacts into the folder's ``artefacts``, and into ``artefacts.json`` what each shows.

    Each is called ``<evaluation>-<name>``; those of another subject than the folder's run lie in one that
    is called like the subject. One that was made before is replaced.

    Raises:
        TwofoldError: If the list is damaged, or another process keeps the folder to itself.
    """
    shown, kept = {}, []
    for artefact in artefacts:
        file = f"{artefact.evaluation}-{artefact.name}"
        if artefact.subject != folder.path.resolve().name:
            file = f"{re.sub(r'[^A-Za-z0-9_.@-]+', '_', artefact.subject)}/{file}"
        path = folder.path / "artefacts" / file
        with write_aside(path) as aside:
            aside.write_bytes(artefact.content)
        about = {name: getattr(artefact, name) for name in ("subject", "evaluation", "name", "caption")}
        shown[file] = {"file": file, **about}
        kept.append(path)
    if kept:
        with _alone(folder):
            before = {entry["file"]: entry for entry in folder.artefacts()}
            listed = [*(before | shown).values()]
            write_text(folder.path / "artefacts.json", json.dumps(listed, indent=1) + "\n")
    return kept


def _alone(folder: RunFolder) -> AbstractContextManager[None]:
    """Nobody else reads what is about to be replaced; where nothing can be locked, that is left to luck."""
    folder.path.mkdir(parents=True, exist_ok=True)
    return locked(folder.path, lambda _: None, patience=_PATIENCE)


def _mean(same: Sequence[Score]) -> Score:
    first = same[0]
    estimates = [Estimate(one.value, one.low, one.high) for one in same]
    found = {
        "values": [one.value for one in same],
        "spread": standard_deviation(estimates),
        "each": [one.protocol[FOUND] for one in same if FOUND in one.protocol],
    }
    value, low, high = over_repeats(estimates, share=first.share)
    protocol = {**first.protocol, FOUND: found}
    return replace(first, value=value, low=low, high=high, protocol=protocol, per_image=mean_per_image(same))


def mean_per_image(same: Sequence[Score]) -> Float[np.ndarray, " m"] | None:
    """Each image's mean over repeats of one figure; None where a repeat does not tell it."""
    told = [one.per_image for one in same if one.per_image is not None]
    return np.mean(told, axis=0) if len(told) == len(same) else None


def _identity(score: dict[str, Any]) -> str:
    """What is measured, as far as it does not depend on what comes out."""
    protocol = {name: value for name, value in score["protocol"].items() if name != FOUND}
    return json.dumps([score["subject"], score["evaluation"], score["metric"], protocol], sort_keys=True)
