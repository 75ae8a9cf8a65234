"""Saying in a sentence that a training fails, and what to change: judged against the untrained network."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from twofold.core.batch import Progress

_IN_A_ROW = 3
"""Logged steps that have to agree: one batch may be odd."""


class Alarm(NamedTuple):
    """What went wrong, as it is told and logged.

    Args:
        name: ``collapse``, ``one_direction``, ``low_rank``, ``uniform_targets``, ``one_target`` or
            ``too_easy``.
        text: One sentence: what is seen, what it means, what to change.
    """

    name: str
    text: str


class Figures(NamedTuple):
    """What is judged: ``now``, and what ``untrained`` weights gave in the same run (see monitors.py)."""

    now: Mapping[str, float]
    untrained: Mapping[str, float]
    progress: Progress


class Alarms:
    """Watches the figures of logged steps; each form of failure is told once in a run.

    The first figures are the untrained network's, or with ``--init`` the loaded one's. Accuracy is not looked
    at: labels may be missing, and a network that learns little has not collapsed.
    """

    def __init__(self) -> None:
        self._untrained: Mapping[str, float] | None = None
        self._told: set[str] = set()
        self._in_a_row: Counter[str] = Counter()

    def __call__(self, progress: Progress, figures: Mapping[str, float]) -> list[Alarm]:
        """The alarms that are due after these figures."""
        if self._untrained is None:
            self._untrained = figures
        seen = [alarm for form in _FORMS if (alarm := form(Figures(figures, self._untrained, progress)))]
        names = {alarm.name for alarm in seen}
        self._in_a_row = Counter({name: self._in_a_row[name] + 1 for name in names})
        due = [a for a in seen if self._in_a_row[a.name] >= _IN_A_ROW and a.name not in self._told]
        self._told |= {alarm.name for alarm in due}
        return due


def _embedding(figures: Figures) -> Alarm | None:
    """All embeddings the same, along one direction, or along few: the worst of them that holds."""
    now, untrained = figures.now, figures.untrained
    if not {"std", "rank"} <= now.keys() & untrained.keys():
        return None
    if now["std"] < 0.15 * untrained["std"]:
        seen = f"(std {now['std']:.2g}, {untrained['std']:.2g} before the first step)"
        return Alarm("collapse", f"every image gets nearly the same embedding {seen}: {_STEADIER}")
    if "positive" not in now or now["rank"] > 0.25 * untrained["rank"] or _begins_well(figures):
        return None  # with labels as targets, few directions are what is wanted
    seen = f"(effective rank {now['rank']:.2g}, {untrained['rank']:.2g} before the first step)"
    if now["rank"] < 2:
        return Alarm("one_direction", f"all embeddings lie along one direction {seen}: {_STEADIER}")
    if now["rank"] < 4:
        return Alarm("low_rank", f"embeddings use a few directions only {seen}: {_STEADIER}")
    return None


def _begins_well(figures: Figures) -> bool:
    """In the beginning embeddings may lie in few directions, if their targets tell images apart."""
    told = figures.now.get("assignment_information", 0.0)
    early = figures.progress.epoch == 0 or figures.progress.step <= _BEGINNING
    return early and told > _TWO_GROUPS


_BEGINNING = 100
"""Steps: of few images many epochs."""

_TWO_GROUPS = math.log(2)
"""Nats; what targets tell at most of images that all lie at the two ends of one direction."""

_STEADIER = (
    "the encoder is collapsing; lower --lr or raise --warmup and start again, and if the method was changed, "
    "see that its predictor, stopped gradient, negatives or decorrelation are there"
)


def _targets(figures: Figures) -> Alarm | None:
    """Targets over prototypes that are the same for all images: all vague, or all one prototype."""
    if "assignment_information" not in figures.now.keys() & figures.untrained.keys():
        return None
    told, before = (each["assignment_information"] for each in (figures.now, figures.untrained))
    vague_from_the_start = before < 10 * told and figures.progress.epoch == 0
    if told > 0.02 or vague_from_the_start:
        return None
    entropy = figures.now["assignment_entropy"]
    seen = f"(it tells {told:.1g} nats of an image, its entropy is {entropy:.2g})"
    if entropy > 1:
        return Alarm(
            "uniform_targets",
            f"every image has the same vague target {seen}: nothing is left to learn; sharpen targets "
            "(dino: lower --teacher-temperature; swav: lower --epsilon) or lower --lr",
        )
    return Alarm(
        "one_target",
        f"one prototype is the target of every image {seen}: nothing is left to learn; balance targets "
        "(dino: lower --center-momentum, raise --teacher-temperature) or lower --lr",
    )


def _too_easy(figures: Figures) -> Alarm | None:
    """Two views of an image are as good as one, before much was learned: a loss near its floor."""
    if "positive" not in figures.now or figures.progress.epoch > 0:
        return None
    within, between = 1 - figures.now["positive"], figures.now["std"] ** 2
    if between == 0 or within > 0.05 * between:
        return None
    return Alarm(
        "too_easy",
        f"in the first epoch already two views of an image are as good as one (their distance is "
        f"{within / between:.1%} of that between images): the task is too easy to teach much; make views "
        "stronger (lower --min-scale, another --recipe; twofold views shows them)",
    )


_FORMS: tuple[Callable[[Figures], Alarm | None], ...] = (_embedding, _targets, _too_easy)
