"""By how much each of several subjects is better than each other one, and whether that is more than noise."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from twofold.core.evaluation import Score
from twofold.evaluations._scores import FOUND, mean_per_image
from twofold.evaluations._seeds import settings
from twofold.metrics import paired
from twofold.metrics.intervals import Estimate

SIGNIFICANT = 0.05
_ENOUGH_SEEDS = 3
_PUBLIC = ("timm:", "torchvision:")
_TRAINED = "start"
"""Entry of a protocol that trains the network itself: where it starts."""


@dataclass(frozen=True)
class Side:
    """A subject, or all seeds of one setting, judged in one way.

    Args:
        name: Of the subject or the setting.
        values: The figure of each seed, or of each random network.
        per_image: Its mean over them, of each image.
        seeded: Whether another seed might have given another figure; public weights and raw pixels have none,
            unless the protocol trains them.
    """

    name: str
    values: tuple[float, ...]
    per_image: Float[np.ndarray, " images"]
    seeded: bool

    @property
    def one_of_many(self) -> bool:
        """Whether nothing is known about what other seeds would give."""
        return self.seeded and len(self.values) == 1


@dataclass(frozen=True)
class Pair:
    """One side against another, on the same images.

    Args:
        one: The first.
        other: The second.
        difference: Of the first to the second; its interval covers other images and, where neither has but
            one of many seeds, other seeds.
        p: Chance of so large a difference where it is a toss for each image who is better; or, if that is
            larger and there are enough seeds, where seeds are dealt out to both at random. Corrected for all
            pairs that are shown.
    """

    one: Side
    other: Side
    difference: Estimate
    p: float

    @property
    def seeds(self) -> tuple[int, int]:
        """How many there are of both, the smaller number first."""
        fewer, more = sorted((len(self.one.values), len(self.other.values)))
        return fewer, more

    @property
    def one_of_many(self) -> bool:
        """Whether of one of both nothing is known about what other seeds would give."""
        return self.one.one_of_many or self.other.one_of_many

    @property
    def covers_seeds(self) -> bool:
        """Whether enough seeds were run for a claim about others."""
        return min(self.seeds) >= _ENOUGH_SEEDS and paired.least_permutation_p(*self.seeds) < SIGNIFICANT

    def verdict(self, margin: float | None = None) -> str:
        """Outside or within the noise, or equivalent, in words.

        Args:
            margin: What difference would not matter, as a share.
        """
        noise = "the noise" if self.covers_seeds else "the noise of these images"
        apart = self.p < SIGNIFICANT
        words = f"outside {noise}" if apart else f"within {noise}"
        if margin is None or not -margin < self.difference.low <= self.difference.high < margin:
            return words
        equivalent = f"equivalent within ± {100 * margin:g} points"
        if self.one_of_many:
            equivalent += " on these images"
        return f"{words}, yet {equivalent}" if apart else equivalent


def sides(scores: Sequence[Score], runs: Mapping[str, Path]) -> list[Side]:
    """Subjects, those that are seeds of one setting together.

    Args:
        scores: Judged in one way, one a subject; each tells a figure of every image.
        runs: Folder of each subject that is a run, or ends inside of one.
    """
    several = [setting for setting in settings(runs) if len(setting.seeds) > 1]
    of = {subject: setting.name for setting in several for subject in setting.seeds}
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(of.get(score.subject, score.subject), []).append(score)
    return [_side(name, same) for name, same in groups.items()]


def pairs(ways: Sequence[Sequence[Side]]) -> list[list[Pair]]:
    """All pairs of each way of judging; their chances are corrected for all of them together (Holm)."""
    found = [[_pair(*both) for both in itertools.combinations(way, 2)] for way in ways]
    corrected = iter(paired.holm([pair.p for way in found for pair in way]))
    return [[replace(pair, p=next(corrected)) for pair in way] for way in found]


def _side(name: str, same: Sequence[Score]) -> Side:
    per_image = mean_per_image(same)
    assert per_image is not None
    protocol = same[0].protocol
    several = protocol.get("networks", 1) > 1
    values = protocol[FOUND]["values"] if several else [one.value for one in same]
    given = name == "pixels" or name.startswith(_PUBLIC)
    return Side(name, tuple(values), per_image, seeded=_TRAINED in protocol or not given)


def _pair(one: Side, other: Side) -> Pair:
    difference = paired.paired_difference(one.per_image, other.per_image)
    pair = Pair(one, other, difference, paired.sign_flip_p(one.per_image, other.per_image))
    if not pair.one_of_many:
        pair = replace(pair, difference=paired.over_seeds(difference, one.values, other.values))
    if pair.covers_seeds:
        pair = replace(pair, p=max(pair.p, paired.permutation_p(one.values, other.values)))
    return pair
