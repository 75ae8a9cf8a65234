"""The optimiser that is asked for takes the place of the method's own, with a rate that is its own too."""

import numpy as np
import pytest

from twofold.core.source import Source
from twofold.data import open_source
from twofold.train.optim import OptimizerSpec
from twofold.train.resolve import Request, resolve


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    return open_source(str(path), progress=False)


def optimizer(source: Source, **asked: object) -> OptimizerSpec:
    return resolve(Request(batch_size=32, **asked), source, 40, accelerator=False).optimizer


def test_another_optimiser_comes_with_a_rate_of_its_own(source: Source) -> None:
    own = optimizer(source, method="byol")
    asked = optimizer(source, method="byol", optimizer="adamw")
    assert (own.optimizer, own.lr) == ("sgd", pytest.approx(0.4 / 8))
    assert (asked.optimizer, asked.lr) == ("adamw", pytest.approx(1e-3 / 8))
    assert asked.weight_decay == own.weight_decay and asked.warmup == own.warmup


def test_the_papers_own_optimiser_asked_for_by_name_keeps_the_papers_rate(source: Source) -> None:
    assert optimizer(source, method="swav", optimizer="adamw") == optimizer(source, method="swav")


@pytest.mark.parametrize("preset", ["small", "imagenet", "paper"])
def test_a_rate_that_is_asked_for_is_taken_as_it_is(preset: str, source: Source) -> None:
    asked = optimizer(source, method="barlow_twins", preset=preset, optimizer="adam", lr=0.01)
    assert (asked.optimizer, asked.lr) == ("adam", 0.01)


def test_without_a_preset_it_does_not_get_the_rate_of_sgd(source: Source) -> None:
    assert optimizer(source, method="byol", preset="paper", optimizer="adamw").lr == pytest.approx(1e-3 / 8)
    assert optimizer(source, method="byol", preset="paper").lr == OptimizerSpec().lr
