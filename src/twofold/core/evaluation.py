"""What a judgement is: a frozen protocol that yields scores, and pictures and tables where they tell more.

A protocol is one file in ``evaluations/``: a frozen dataclass, called with an ``Embedded``. It may declare

- ``shown``: the metrics that a table shows, by default ``accuracy``;
- ``measured``: all that a table can show, by default what is shown, and beside accuracy ``macro_f1``;
- ``needs_labels``: False where it judges unlabelled images, too;
- ``reads``: the sides of ``Embedded`` whose features it reads, by default ``fit`` and ``judge``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@runtime_checkable
class Evaluation(Protocol):
    """A frozen protocol."""

    def __call__(self, embedded: Any, /) -> "Iterator[Score | Artefact]":
        """Scores of one subject, an ``evaluations._task.Embedded``; none where it cannot be judged so."""
        ...


def shown_metrics(evaluation: Any) -> tuple[str, ...]:
    """The metrics of a protocol, or of its class, that a table shows."""
    found: tuple[str, ...] = getattr(evaluation, "shown", ("accuracy",))
    return found


def measured_metrics(evaluation: Any) -> tuple[str, ...]:
    """All metrics of a protocol that a table can show."""
    shown = shown_metrics(evaluation)
    usual = ("accuracy", "macro_f1") if shown == ("accuracy",) else shown
    found: tuple[str, ...] = getattr(evaluation, "measured", usual)
    return found


def read_sides(evaluation: Any) -> tuple[str, ...]:
    """The sides whose features a protocol reads: those that none reads need not be embedded."""
    found: tuple[str, ...] = getattr(evaluation, "reads", ("fit", "judge"))
    return found


def needs_labels(evaluation: Any) -> bool:
    """Whether a protocol, or its class, judges labelled images only."""
    return bool(getattr(evaluation, "needs_labels", True))


@dataclass(frozen=True)
class Score:
    """One figure.

    Args:
        subject: What was judged: a run, ``pixels``, ``random:resnet18`` ...
        evaluation: File name of the protocol: ``knn``, ``linear`` ...
        metric: ``accuracy``, ``macro_f1``, ``recall/<class>`` ...
        value: The figure, in [0, 1] for shares.
        low: Lower end of its 95% interval; the figure itself where it has none.
        high: Upper end.
        protocol: Everything that defines the figure: hyper-parameters, splits, seed, draws.
        share: Whether it is a share, which is shown in percent.
        per_image: Figure of each judged image in their order, whose mean is ``value``: whether it was
            classified rightly, weighted where rare classes count more, so that weights are 1 on average. Kept
            in no file; it is what two subjects are compared by.
    """

    subject: str
    evaluation: str
    metric: str
    value: float
    low: float
    high: float
    protocol: dict[str, Any]
    share: bool = True
    per_image: Float[np.ndarray, " images"] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the fields above but the last."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "per_image"}


@dataclass(frozen=True)
class Artefact:
    """A picture or a table that tells more than a figure.

    Args:
        subject: What was judged.
        evaluation: File name of the protocol.
        name: File name of the artefact, unlike any other of this subject and protocol: ``stage3.png``.
        content: Of the file.
        caption: What a reader sees, in one sentence.
    """

    subject: str
    evaluation: str
    name: str
    content: bytes
    caption: str
