"""Scores as a table: a row for everything that was judged, a column for every way of judging."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from twofold.core.evaluation import Score

Role = Literal["pixels", "random", "supervised", "public", "part", "trained"]

FOUND = "found"
"""Entry of a protocol that does not define the figure: what came out on the way, as a selected strength."""

TO = "to"
"""Entry of a protocol that judges on other data: their name."""

ROLES: tuple[Role, ...] = ("pixels", "random", "supervised", "public", "part", "trained")
_LONG = 20
"""Letters of a value that is no part of a title where a shorter one will do."""

_EVALUATIONS = {
    "knn": "k-NN",
    "linear": "Linear probe",
    "mlp": "Two-layer probe",
    "finetune": "Fine-tuned",
    "few_labels": "Few labels",
}
_METRICS = {
    "accuracy": "",
    "macro_f1": "macro-F1",
    "score": "",
    "nmi": "NMI",
    "ari": "ARI",
    "map": "mAP",
    "rank": "RankMe",
    "i_nce": "I_NCE",
}
_NAMED: dict[str, Role] = {
    "pixels": "pixels",
    "raw pixels": "pixels",
    "random encoder": "random",
    "supervised": "supervised",
    "supervised from scratch": "supervised",
}
_PREFIXES: dict[str, Role] = {
    "random:": "random",
    "supervised:": "supervised",
    "timm:": "public",
    "torchvision:": "public",
}
_SUBJECTS: dict[Role, str] = {
    "pixels": "Raw pixels",
    "random": "Random encoder",
    "supervised": "Supervised from scratch",
    "public": "Public weights",
    "part": "Pre-trained, up to a part",
    "trained": "Pre-trained encoder",
}


@dataclass(frozen=True)
class Column:
    """One way of judging.

    Args:
        evaluation: Name of the protocol.
        metric: What it measures.
        detail: What tells it from another column of the same protocol: ``k=1``.
    """

    evaluation: str
    metric: str
    detail: str

    @property
    def title(self) -> str:
        """What a reader is shown."""
        name = protocol_title(self.evaluation)
        metric = _METRICS.get(self.metric, self.metric.replace("_", " "))
        return ", ".join(part for part in (name, metric, self.detail) if part)


@dataclass(frozen=True)
class Row:
    """One subject and its scores, one a column; None where it was not judged that way."""

    subject: str
    role: Role
    scores: tuple[Score | None, ...]

    @property
    def title(self) -> str:
        """What the subject is to a reader."""
        return _SUBJECTS[self.role]

    @property
    def note(self) -> str:
        """Which one: the architecture or the run, where the title does not say so already."""
        note = self.subject.removeprefix("random:").removeprefix("timm:").removeprefix("torchvision:")
        said = note.lower().startswith("pre-trained") if self.role == "trained" else role(note) == self.role
        return "" if said else note


@dataclass(frozen=True)
class Grid:
    """All scores; the floors come first, what was trained comes last."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def selected(self, position: int) -> str:
        """What was selected for the figures of a column, and on what; empty where nothing was."""
        protocols = [score.protocol for row in self.rows if (score := row.scores[position])]
        return next((str(told) for protocol in protocols if (told := protocol.get("selected"))), "")

    def parts(self, most: int) -> "list[Grid]":
        """The same with no more than so many columns each; protocols are kept whole where they fit."""
        groups: list[list[int]] = [[]]
        for _, run in itertools.groupby(range(len(self.columns)), lambda n: self.columns[n].evaluation):
            own = list(run)
            for start in range(0, len(own), most):
                some = own[start : start + most]
                if len(groups[-1]) + len(some) > most:
                    groups.append([])
                groups[-1] += some
        return [self._part(group) for group in groups if group]

    def _part(self, positions: Sequence[int]) -> "Grid":
        rows = (Row(row.subject, row.role, tuple(row.scores[n] for n in positions)) for row in self.rows)
        return Grid(tuple(self.columns[n] for n in positions), tuple(row for row in rows if any(row.scores)))


def grid(scores: Sequence[Score]) -> Grid:
    """Arranges scores in rows and columns, those of one protocol side by side, of most neighbours first.

    A figure that was measured twice counts as measured last.
    """
    cells = {(score.subject, column): score for score, column in zip(scores, _columns(scores), strict=True)}
    appeared = dict.fromkeys(column for _, column in cells)
    protocols = list(dict.fromkeys(column.evaluation for column in appeared))
    said = {column: score.protocol.get("k") for (_, column), score in cells.items()}
    neighbours = {column: k if isinstance(k, int) else 0 for column, k in said.items()}
    columns = tuple(sorted(appeared, key=lambda c: (protocols.index(c.evaluation), -neighbours[c])))
    subjects = sorted(dict.fromkeys(subject for subject, _ in cells), key=lambda s: ROLES.index(role(s)))
    rows = (Row(s, role(s), tuple(cells.get((s, column)) for column in columns)) for s in subjects)
    return Grid(columns, tuple(rows))


def protocol_title(evaluation: str) -> str:
    """What a protocol is called."""
    return _EVALUATIONS.get(evaluation, evaluation.replace("_", " ").capitalize())


def role(subject: str) -> Role:
    """What a subject stands for in the comparison."""
    word = subject.lower()
    if word in _NAMED:
        return _NAMED[word]
    for prefix, meaning in _PREFIXES.items():
        if word.startswith(prefix):
            return meaning
    return "part" if "@" in word else "trained"


def _columns(scores: Sequence[Score]) -> list[Column]:
    """The column of each score: its protocol is spelt out only as far as needed to tell columns apart."""
    families: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        families.setdefault((score.evaluation, score.metric), []).append(score)
    keys = {family: _telling_keys(members) for family, members in families.items()}
    return [
        Column(
            score.evaluation,
            score.metric,
            ", ".join(
                [
                    *_always_told(score),
                    *(
                        f"{key.replace('_', ' ')}={score.protocol[key]}"
                        for key in keys[score.evaluation, score.metric]
                        if key in score.protocol
                    ),
                ]
            ),
        )
        for score in scores
    ]


def _always_told(score: Score) -> list[str]:
    """Which other data, and how many images were learned from, where that is not all there are."""
    told, protocol = [], score.protocol
    if TO in protocol:
        told.append(f"to {protocol[TO]}")
    images, there = protocol.get("images"), protocol.get("fit_images")
    if images and there and images < there:
        told.append(f"{images:,} images")
    return told


def _telling_keys(scores: Sequence[Score]) -> list[str]:
    """The first protocol entries that tell the scores of one subject apart, long ones last."""
    chosen = [TO]

    def told(protocols: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
        return len({tuple(repr(protocol.get(key)) for key in keys) for protocol in protocols})

    for subject in dict.fromkeys(score.subject for score in scores):
        protocols = [score.protocol for score in scores if score.subject == subject]
        values = {
            key: {repr(protocol.get(key)) for protocol in protocols}
            for key in dict.fromkeys(key for protocol in protocols for key in protocol if key != FOUND)
        }
        differing = [key for key, each in values.items() if len(each) > 1]
        for key in sorted(differing, key=lambda key: max(map(len, values[key])) > _LONG):
            if told(protocols, [*chosen, key]) > told(protocols, chosen):
                chosen.append(key)
    return chosen[1:]
