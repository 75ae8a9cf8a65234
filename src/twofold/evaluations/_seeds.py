"""Runs that differ in nothing but the seed, as one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from twofold.core.evaluation import Score
from twofold.core.run import RunFolder
from twofold.evaluations._scores import FOUND, mean_per_image
from twofold.metrics.intervals import Estimate, standard_deviation

SEEDS = "seeds"
"""Entry of what was found: the seeds whose mean the figure is."""


class Setting(NamedTuple):
    """What was run with several seeds.

    Args:
        name: ``<method>-<data>-<digits>``, and the part of the run, where it is one's.
        seeds: Seed of each subject.
    """

    name: str
    seeds: dict[str, int]


def settings(runs: Mapping[str, Path]) -> list[Setting]:
    """All settings of the runs, also those of one seed; a second run of the same seed belongs to none.

    Args:
        runs: Folder of each subject that is a run, or ends inside of one.
    """
    found: dict[str, Setting] = {}
    for subject, path in runs.items():
        folder = RunFolder(path)
        run = folder.run
        _, at, part = subject.partition("@")
        name = f"{run.method['name']}-{run.data['name']}-{folder.setting}{at}{part}"
        seeds = found.setdefault(name, Setting(name, {})).seeds
        if run.seed not in seeds.values():
            seeds[subject] = run.seed
    return list(found.values())


def over_seeds(scores: Sequence[Score], runs: Mapping[str, Path]) -> list[Score]:
    """The mean of each figure over the seeds of each setting that has several, with its standard deviation.

    It has no interval: what the judged images leave open is told by the runs' own rows.
    """
    several = [setting for setting in settings(runs) if len(setting.seeds) > 1]
    return [mean for setting in several for mean in _means(scores, setting)]


def _means(scores: Iterable[Score], setting: Setting) -> list[Score]:
    figures: dict[str, list[Score]] = {}
    for score in scores:
        if score.subject in setting.seeds:
            protocol = {name: value for name, value in score.protocol.items() if name != FOUND}
            figures.setdefault(repr([score.evaluation, score.metric, protocol]), []).append(score)
    whole = [same for same in figures.values() if len(same) == len(setting.seeds)]
    return [_mean(same, setting) for same in whole]


def _mean(same: Sequence[Score], setting: Setting) -> Score:
    values = [one.value for one in same]
    mean = sum(values) / len(values)
    found = {
        "values": values,
        "spread": standard_deviation([Estimate(value, value, value) for value in values]),
        SEEDS: [setting.seeds[one.subject] for one in same],
    }
    return replace(
        same[0],
        subject=f"{setting.name}, mean of {len(same)} seeds",
        value=mean,
        low=mean,
        high=mean,
        protocol={**same[0].protocol, FOUND: found},
        per_image=mean_per_image(same),
    )
