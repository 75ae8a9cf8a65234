"""Runs that differ in nothing but the seed, as one."""

import hashlib
import json
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

_MACHINE = ("device", "gpu", "processor", "processes", "threads", "compiled")


class Setting(NamedTuple):
    """What was run with several seeds.

    Args:
        name: ``<method>-<data>-<digits>``, and the part of the run, where it is one's.
        seeds: Seed of each subject.
        note: What a reader of its mean has to know; empty where there is nothing.
    """

    name: str
    seeds: dict[str, int]
    note: str = ""


def settings(runs: Mapping[str, Path]) -> list[Setting]:
    """All settings of the runs, also those of one seed; a second run of the same seed belongs to none.

    ``--precision auto`` is resolved for each run anew: precisions are one setting, which a note says. Where a
    seed was run in both, they are what is compared, and stand apart.

    Args:
        runs: Folder of each subject that is a run, or ends inside of one.
    """
    found: dict[str, dict[str, dict[str, int]]] = {}
    for subject, path in runs.items():
        folder = RunFolder(path)
        run = folder.run
        _, at, part = subject.partition("@")
        name = f"{run.method['name']}-{run.data['name']}-{_digits(folder)}{at}{part}"
        seeds = found.setdefault(name, {}).setdefault(run.precision, {})
        if run.seed not in seeds.values():
            seeds[subject] = run.seed
    return [setting for name, seeds_in in found.items() for setting in _pooled(name, seeds_in)]


def _digits(folder: RunFolder) -> str:
    """Eight hexadecimal digits; equal for runs that differ in nothing but seed and precision.

    Runs of as many minutes on the same machine are of one setting, however many steps each came to.
    """
    content, spec = folder.run.deciding(), folder.spec
    del content["seed"], content["precision"]
    asked = spec.get("asked")
    if isinstance(asked, dict) and asked.get("minutes"):
        content["steps"] = [asked["minutes"], *(spec.get(name) for name in _MACHINE)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _pooled(name: str, seeds_in: Mapping[str, Mapping[str, int]]) -> list[Setting]:
    """One setting of all precisions, or one of each."""
    every = {subject: seed for seeds in seeds_in.values() for subject, seed in seeds.items()}
    if len({*every.values()}) < len(every):
        return [Setting(f"{name}-{precision}", dict(seeds)) for precision, seeds in seeds_in.items()]
    if len(seeds_in) == 1:
        return [Setting(name, every)]
    told = (f"{how} for seed {', '.join(map(str, seeds.values()))}" for how, seeds in seeds_in.items())
    return [Setting(name, every, f"{name} is of runs of more than one precision: {'; '.join(told)}")]


def notes(runs: Mapping[str, Path]) -> list[str]:
    """What a reader of the settings' means has to know."""
    return [setting.note for setting in settings(runs) if setting.note]


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
