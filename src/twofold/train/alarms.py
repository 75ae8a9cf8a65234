"""Saying in a sentence that a training fails, and what to change: judged against the untrained network."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
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

    Accuracy is not looked at: labels may be missing, and a network that learns little has not collapsed.

    Args:
        untrained: Figures of the first step; None while there are none, then the first to come are these.
        told: Names of alarms that were told before the run was resumed.
    """

    def __init__(self, untrained: Mapping[str, float] | None = None, told: Iterable[str] = ()) -> None:
        self._untrained = untrained
        self._told = set(told)
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
    """Total collapse, one direction, or few: the worst of them that holds."""
    if not {"std", "rank"} <= figures.now.keys() & figures.untrained.keys():
        return None
    std, rank = figures.now["std"], figures.now["rank"]
    std_before, rank_before = figures.untrained["std"], figures.untrained["rank"]
    if std < 0.25 * std_before:
        return Alarm(
            "collapse",
            f"every image gets nearly the same embedding (std {std:.2g}, an untrained network's "
            f"{std_before:.2g}): the encoder has collapsed; {_STEADIER}",
        )
    seen = f"(effective rank {rank:.3g}, an untrained network's {rank_before:.3g})"
    if rank < 2.5 and rank < 0.4 * rank_before:
        return Alarm(
            "one_direction",
            f"all embeddings lie along one direction {seen}: the encoder has collapsed; {_STEADIER}",
        )
    if rank < 0.2 * rank_before:
        return Alarm(
            "low_rank",
            f"embeddings use few of their dimensions {seen}: the encoder is collapsing; lower --lr, raise "
            "--batch-size, or take stronger views (lower --min-scale, another --recipe)",
        )
    return None


_STEADIER = (
    "lower --lr or raise --warmup and start again; if the method was changed, see that its predictor, "
    "stopped gradient or negatives are there"
)


def _targets(figures: Figures) -> Alarm | None:
    """Targets over prototypes that are the same for all images: all uniform, or all one prototype."""
    if "assignment_information" not in figures.now or figures.progress.epoch == 0:
        return None
    told, entropy = figures.now["assignment_information"], figures.now["assignment_entropy"]
    if told > 0.02:
        return None
    seen = f"(they tell {told:.2g} nats of an image, their entropy is {entropy:.2g})"
    if entropy > 1:
        return Alarm(
            "uniform_targets",
            f"every image has the same vague target {seen}: nothing is left to learn; sharpen targets "
            "(dino: a lower --teacher-temperature; swav: a lower --epsilon) or lower --lr",
        )
    return Alarm(
        "one_target",
        f"one prototype is the target of every image {seen}: nothing is left to learn; targets have to be "
        "balanced (dino: a lower --center-momentum, a higher --teacher-temperature) or --lr lowered",
    )


def _too_easy(figures: Figures) -> Alarm | None:
    """Two views of an image are as good as one, before anything much was learned."""
    if "positive" not in figures.now or figures.progress.epoch > 0:
        return None
    between = figures.now["std"] ** 2
    within = 1 - figures.now["positive"]
    if between == 0 or within > 0.02 * between:
        return None
    return Alarm(
        "too_easy",
        f"in the first epoch already, two views of an image are as good as one (their distance is "
        f"{within / between:.1%} of that between images): the task is too easy to teach much; make views "
        "stronger (lower --min-scale, another --recipe; twofold views shows them)",
    )


_FORMS: tuple[Callable[[Figures], Alarm | None], ...] = (_embedding, _targets, _too_easy)
