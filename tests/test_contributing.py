"""The worked examples of CONTRIBUTING.md run as they are printed."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import test_contract
from twofold.core import registry
from twofold.views.asked import asked
from twofold.views.maker import ViewMaker
from twofold.views.plain import from_json, operations, to_json

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
EXAMPLES = dict(
    re.findall(r"```python\n# src/(twofold/\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
)

YAML = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def contributed(tmp_path):
    """The examples lie beside the package's own files, and are found because they are there."""
    for name, text in EXAMPLES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        _package(name).__path__.append(str(file.parent))
    registry._files.cache_clear()
    operations.cache_clear()
    yield
    for name in EXAMPLES:
        _package(name).__path__.pop()
        sys.modules.pop(name.removesuffix(".py").replace("/", "."), None)
    registry._files.cache_clear()
    operations.cache_clear()


def _package(name):
    return importlib.import_module(str(Path(name).parent).replace("/", "."))


def test_each_kind_has_an_example():
    kinds = {str(Path(name).parent) for name in EXAMPLES}
    assert kinds == {"twofold/methods", "twofold/data/sources", "twofold/views/ops", "twofold/evaluations"}


def test_the_method_keeps_the_contract():
    assert "spectral" in registry.names("methods")
    for keeps in (
        test_contract.test_cites_its_paper_in_the_first_line,
        test_contract.test_learns_one_batch,
        test_contract.test_one_step_moves_all_that_should_move_and_nothing_else,
        test_contract.test_forward_only_reads_and_stages,
        test_contract.test_resumes_exactly,
        test_contract.test_survives_bf16,
    ):
        keeps("spectral")


def test_the_operation_is_found_by_its_name_and_changes_the_views():
    recipe = asked(yaml.safe_load(YAML[0])["recipe"], view_size=24)
    assert recipe.views[0].operations[-1] == operations()["Gamma"](p=0.3)
    assert from_json(to_json(recipe)) == recipe
    images = torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8)
    without, with_ = (
        ViewMaker(each, seed=0, view_size=24, channels=3)(images, np.arange(8), 0).views[0].pixels
        for each in (recipe.without(operations()["Gamma"]), recipe)
    )
    changed = (without != with_).flatten(1).any(1)
    assert 0 < changed.sum() < 8 and with_.min() >= 0 and with_.max() <= 1


def test_the_evaluation_judges_the_data_set(tmp_path):
    from twofold.data import open_source
    from twofold.evaluations._judge import judge
    from twofold.evaluations._task import make_task
    from twofold.train.engine import Engine

    source = open_source("small_digits", cache=tmp_path / "cache", progress=False)
    assert {split: len(images) for split, images in source.splits.items()} == {"train": 1437, "test": 360}
    assert source.classes == tuple("0123456789")
    assert (source.channels, source.size) == (1, 8)

    evaluation = registry.find("evaluations", "nearest_mean")()
    judged = judge(["pixels"], source, make_task(source), [evaluation], engine=Engine.start(threads=1))
    (accuracy,) = [score for score in judged.scores if score.metric == "accuracy"]
    assert accuracy.value > 0.8
    assert accuracy.protocol["centred"] is True
