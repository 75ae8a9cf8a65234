import json

import numpy as np
import pytest

from twofold.cli import main


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8))
    return path


def test_a_misspelt_flag_names_the_nearest_one(images, capsys):
    assert main(["pretrain", str(images), "--temprature", "0.3"]) == 2
    error = capsys.readouterr().err
    assert "--temprature" in error
    assert "--temperature" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", [["pretrain"], ["pretrain", "no/such/folder"], ["pretrian"]])
def test_misuse_is_one_line_and_status_2(words, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_hyper_parameter_is_in_the_help(capsys):
    assert main(["pretrain", "--method", "moco_v2", "--help"]) == 0
    told = capsys.readouterr().out
    for flag in ("--temperature", "--momentum", "--queue", "--batch-size", "--weight-decay", "--epochs"):
        assert flag in told


def test_a_dry_run_prints_the_resolved_spec_and_writes_nothing(images, capsys, tmp_path):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--out", str(tmp_path / "runs")]
    assert main([*words, "--temperature", "0.25", "--dry-run"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert spec["method"]["arguments"]["temperature"] == 0.25
    assert spec["steps"] == 6
    assert not (tmp_path / "runs").exists()


def test_yaml_and_flags_say_the_same_and_flags_win(images, capsys, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("method: moco_v2\nepochs: 2\nbatch_size: 8\ntemperature: 0.4\nqueue: 64\n")
    words = ["pretrain", str(images), "--config", str(config), "--queue", "128", "--dry-run"]
    assert main(words) == 0
    spec = json.loads(capsys.readouterr().out)
    assert spec["method"]["name"] == "moco_v2"
    assert spec["method"]["arguments"]["temperature"] == 0.4
    assert spec["method"]["arguments"]["queue"] == 128


RECIPES = {
    "recipe: D_CIFAR": "D-cifar",
    "recipe: {base: C, change: {Gray: null}}": "C changed",
    "recipe: {name: mine, views: [{operations: [Flip, {Blur: {p: 1}}], count: 2}]}": "mine",
}


@pytest.mark.parametrize("text", RECIPES)
def test_yaml_says_how_views_are_made(text, images, capsys, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(f"epochs: 2\nbatch_size: 8\n{text}\n")
    assert main(["pretrain", str(images), "--config", str(config), "--dry-run"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert spec["recipe"]["name"] == RECIPES[text]
    assert main(["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] != spec["key"]


def test_a_misspelt_recipe_names_the_nearest_one(images, capsys):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--recipe", "C_CIFR", "--dry-run"]
    assert main(words) == 2
    assert "did you mean 'C_CIFAR'?" in capsys.readouterr().err


def test_a_misspelt_key_in_yaml_is_an_error(images, capsys, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("temprature: 0.4\n")
    assert main(["pretrain", str(images), "--config", str(config), "--dry-run"]) == 2
    assert "temprature" in capsys.readouterr().err
