"""What a preset holds, and what the user's words change of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twofold.core import registry
from twofold.core.errors import UsageError
from twofold.core.source import Source
from twofold.data import open_source
from twofold.methods.byol import BYOL
from twofold.methods.moco_v2 import MoCoV2
from twofold.methods.swav import SwAV
from twofold.train.defaults import Defaults
from twofold.train.optim import OptimizerSpec
from twofold.train.resolve import Request, _preset, resolve
from twofold.views import recipes
from twofold.views.ops.blur import Blur


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


@pytest.mark.parametrize("preset", ["small", "cifar10", "paper"])
def test_what_is_too_large_for_the_data_is_made_smaller_unless_it_is_asked_for(
    preset: str, source: Source
) -> None:
    def arguments(method: str, images: int, batch: int = 16, **asked: int) -> dict[str, object]:
        request = Request(method=method, preset=preset, arguments=asked, batch_size=batch)
        return resolve(request, source, images, accelerator=False).arguments

    assert arguments("deepcluster_v2", 400)["prototypes"] == 40
    assert arguments("deepcluster_v2", 400, prototypes=200)["prototypes"] == 200
    few = arguments("w_mse", 200)
    assert (few["sub_batch"], few["dim"]) == (16, 8)
    usual = registry.find("methods", "w_mse").presets.get(preset, {"sub_batch": 256, "dim": 128})
    assert arguments("w_mse", 60000, 512).items() >= {n: usual[n] for n in ("sub_batch", "dim")}.items()
    for batch in (255, 200, 510, 251):  # as 3, 5 or 6 processes have them
        assert batch % arguments("w_mse", 60000, batch)["sub_batch"] == 0
    assert arguments("w_mse", 60000, 255)["sub_batch"] >= 85
    assert arguments("w_mse", 200, sub_batch=8, dim=3).items() >= {"sub_batch": 8, "dim": 3}.items()


@pytest.mark.parametrize("preset", ["small", "imagenet", "paper"])
def test_a_rate_that_is_asked_for_is_taken_as_it_is(preset: str, source: Source) -> None:
    asked = optimizer(source, method="barlow_twins", preset=preset, optimizer="adam", lr=0.01)
    assert (asked.optimizer, asked.lr) == ("adam", 0.01)


def test_without_a_preset_it_does_not_get_the_rate_of_sgd(source: Source) -> None:
    assert optimizer(source, method="byol", preset="paper", optimizer="adamw").lr == pytest.approx(1e-3 / 8)
    assert optimizer(source, method="byol", preset="paper").lr == OptimizerSpec().lr


@pytest.mark.parametrize(
    ("epochs", "share"),
    [(None, 10 / 100), (1000.0, 10 / 1000), (50.0, 10 / 100)],
    ids=["own", "long", "short"],
)
def test_the_papers_warm_up_is_so_many_epochs_in_longer_trainings_too(
    epochs: float | None, share: float, source: Source
) -> None:
    asked = optimizer(source, method="simclr", preset="imagenet", epochs=epochs)
    assert asked.warmup == pytest.approx(share)
    assert optimizer(source, method="simclr", preset="imagenet", epochs=epochs, warmup=0.3).warmup == 0.3


def test_a_machine_gets_the_preset_of_the_nearest_batch(source: Source) -> None:
    """SwAV's recipe for batches of 4096 freezes prototypes for too short and has no queue in small ones."""
    gpu = Defaults("resnet50", 224, 224, 256, "imagenet", None, 200.0)
    swav = Request("swav")
    assert _preset(SwAV, swav, gpu) == "imagenet_256"
    assert _preset(SwAV, replace(swav, batch_size=2048), gpu) == "imagenet"
    assert _preset(SwAV, replace(swav, preset="imagenet"), gpu) == "imagenet"
    assert _preset(BYOL, Request("byol"), gpu) == "imagenet"
    assert _preset(SwAV, swav, replace(gpu, preset="small")) == "small"


def test_only_the_small_preset_shrinks_the_views(source: Source, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((40, 32, 32, 3), np.uint8))
    cifar = open_source(str(tmp_path / "images.npy"), progress=False)
    sides = {
        preset: resolve(Request(method="byol", preset=preset), cifar, 40, accelerator=False).view_size
        for preset in (None, "small", "cifar10", "imagenet", "paper")
    }
    assert sides == {None: 24, "small": 24, "cifar10": 32, "imagenet": 32, "paper": 32}


@pytest.mark.parametrize(
    ("method", "blurred"),
    [("moco_v2", True), ("supcon", True), ("swav", True), ("deepcluster_v2", True)]
    + [(name, False) for name in ("byol", "vicreg", "simclr", "simsiam", "dino", "barlow_twins", "moco_v3")],
)
def test_blur_on_cifar_is_what_was_published_and_small_runs_have_none(
    method: str, blurred: bool, source: Source
) -> None:
    def blurs(preset: str) -> bool:
        recipe = resolve(Request(method=method, preset=preset), source, 40, accelerator=False).recipe
        return recipe.without(Blur) != recipe

    assert blurs("cifar10") == blurred
    assert not blurs("small")


def test_sigmas_on_cifar_are_in_pixels() -> None:
    for recipe in (MoCoV2.presets["cifar10"]["recipe"], recipes.C_BLURRED_AT_32):
        sigmas = {o.sigma for view in recipe.views for o in view.operations if isinstance(o, Blur)}
        assert sigmas == {(0.1 * 224 / 32, 2.0 * 224 / 32)}


def test_a_seed_is_one_that_every_generator_takes(source: Source) -> None:
    optimizer(source, seed=2**63 - 1)
    for seed in (-1, 2**63):
        with pytest.raises(UsageError, match=f"--seed must be from 0 to {2**63 - 1}, not {seed}"):
            optimizer(source, seed=seed)
