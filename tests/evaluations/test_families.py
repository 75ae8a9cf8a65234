from typing import get_args

import pytest

from twofold.core.batch import Progress
from twofold.evaluations._families import FAMILIES, FamilyName
from twofold.train.optim import schedule

PUBLISHED = {
    "moco": ("sgd", 30.0, 256, 100, 0.0),
    "infomin": ("sgd", 30.0, 256, 60, 0.0),
    "simclr": ("nesterov", 1.6, 4096, 90, 0.0),
    "simsiam": ("larc", 1.6, 4096, 90, 0.0),
    "byol": ("nesterov", 0.8, 1024, 80, 0.0),
    "swav": ("sgd", 0.3, 256, 100, 1e-6),
    "barlow": ("sgd", 0.3, 256, 100, 1e-6),
    "vicreg": ("sgd", 0.02, 256, 100, 1e-6),
    "moco_v3": ("sgd", 0.4, 1024, 90, 0.0),
    "dino": ("sgd", 0.004, 1024, 100, 0.0),
}
"""METHODS 12: optimiser, rate at the family's own batch, batch, epochs, weight decay."""

FALLS = {"moco": {60: 0.1, 80: 0.01}, "infomin": {30: 0.2, 40: 0.04, 50: 0.008}}


def test_every_name_has_its_family():
    assert list(FAMILIES) == list(get_args(FamilyName)) == list(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_numbers_are_the_papers(name):
    family = FAMILIES[name]
    batch = family.batch_for(1_281_167)
    spec = family.optimizer_for(batch)
    rate = pytest.approx(spec.lr)
    assert (spec.optimizer, rate, batch, family.epochs, spec.weight_decay) == PUBLISHED[name]
    assert spec.momentum == 0.9


def test_transformers_of_moco_v3_take_thirty_times_the_rate():
    rates = {kind: FAMILIES["moco_v3"].optimizer_for(256, transformer=kind).lr for kind in (False, True)}
    assert rates == {False: 0.1, True: 3.0}
    assert FAMILIES["dino"].optimizer_for(256, transformer=True).lr == 0.001


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("steps", [1, 7, 195, 313, 5004])
def test_the_rate_falls_when_the_paper_says(name, steps):
    """At the first step of the very epoch, whatever an epoch's number of steps."""
    family = FAMILIES[name]
    spec, total = family.optimizer, steps * family.epochs

    def rate(step):
        return schedule(spec, Progress(step, total, step // steps, family.epochs))

    assert rate(0) == 1.0
    if name not in FALLS:
        assert rate(total // 2) == pytest.approx(0.5, abs=0.02)
        assert rate(total - 1) < 0.001
        return
    before = 1.0
    for epoch, after in FALLS[name].items():
        assert rate(epoch * steps - 1) == pytest.approx(before)
        assert rate(epoch * steps) == pytest.approx(after)
        before = after


def test_few_images_make_one_smaller_batch_with_a_smaller_rate():
    family = FAMILIES["simclr"]
    assert family.batch_for(512) == 512
    assert family.optimizer_for(512).lr == pytest.approx(0.2)
