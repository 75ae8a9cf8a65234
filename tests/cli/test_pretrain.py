import json
import os
import shlex
import signal
from argparse import Namespace

import numpy as np
import pytest
from PIL import Image

from twofold.cli import main
from twofold.cli._reading import as_typed, as_typed_or_trained
from twofold.train import engine, pretrain
from twofold.train.checkpoint import digest, load_checkpoint


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
    assert "the defaults are the paper's, a run without --preset paper may have others" in told


def test_a_dry_run_prints_the_resolved_spec_and_writes_nothing(images, capsys, tmp_path):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--out", str(tmp_path / "runs")]
    assert main([*words, "--temperature", "0.25", "--dry-run"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert spec["method"]["arguments"]["temperature"] == 0.25
    assert spec["steps"] == 6
    assert not (tmp_path / "runs").exists()


def test_what_was_typed_is_recorded_wherever_debug_stood(images, capsys):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--dry-run"]
    assert main(["--debug", *words]) == 0
    assert json.loads(capsys.readouterr().out)["command"] == shlex.join(["twofold", *words])


def test_any_head_by_flags(images, capsys):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--dry-run"]

    def spec(*flags):
        assert main([*words, *flags]) == 0
        return json.loads(capsys.readouterr().out)

    deep = spec("--hidden", "[24, 12]", "--dim", "6", "--freeze", "projector")
    assert deep["method"]["arguments"]["hidden"] == [24, 12]
    assert deep["freeze"] == ["projector"]
    assert spec("--hidden", "0")["method"]["arguments"]["hidden"] == 0
    assert spec("--method", "byol", "--freeze", "[projector, predictor]")["freeze"] == [
        "predictor",
        "projector",
    ]
    assert main([*words, "--hidden", "few"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_misspelt_part_is_told_before_anything_is_written(images, capsys, tmp_path):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--out", str(tmp_path / "runs")]
    for dry in ([], ["--dry-run"]):
        assert main([*words, "--encoder", "resnet18_w4", "--freeze", "projektor", *dry]) == 2
        assert "did you mean 'projector'?" in capsys.readouterr().err
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


def test_any_views_by_flags(images, capsys):
    words = ["pretrain", str(images), "--method", "byol", "--epochs", "2", "--batch-size", "8", "--dry-run"]
    asked = "{base: multi_crop, arguments: {base: D_CIFAR, local_count: 2, local_side: 0.5}}"
    for flag, name in (("multi_crop", "B+6 local"), (asked, "D-cifar+2 local")):
        assert main([*words, "--recipe", flag]) == 0
        assert json.loads(capsys.readouterr().out)["recipe"]["name"] == name


def test_a_misspelt_recipe_names_the_nearest_one(images, capsys):
    words = ["pretrain", str(images), "--epochs", "2", "--batch-size", "8", "--recipe", "C_CIFR", "--dry-run"]
    assert main(words) == 2
    assert "did you mean 'C_CIFAR'?" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["[1]", "{crop: 3}", "{Jitter: [1]}", "text"])
def test_a_recipe_that_is_none_is_one_line(change, images, capsys, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(f"epochs: 2\nbatch_size: 8\nrecipe: {{base: C, change: {change}}}\n")
    assert main(["pretrain", str(images), "--config", str(config), "--dry-run"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("twofold: the recipe has something where it does not belong")


def test_a_misspelt_key_in_yaml_is_an_error(images, capsys, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("temprature: 0.4\n")
    assert main(["pretrain", str(images), "--config", str(config), "--dry-run"]) == 2
    assert "no option temprature; did you mean 'temperature'?" in capsys.readouterr().err


@pytest.fixture
def bright(tmp_path):
    """Images of two classes in folders."""
    draw = np.random.default_rng(0)
    for row in range(24):
        place = tmp_path / "bright" / ("dark" if row % 2 else "light")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place / f"{row}.png")
    return tmp_path / "bright"


TINY = [
    "--encoder",
    "resnet18_w4",
    "--size",
    "16",
    "--view-size",
    "16",
    "--batch-size",
    "8",
    "--threads",
    "1",
]


def test_it_ends_with_the_command_that_judges_and_a_dry_run_knows_it(bright, tmp_path, capsys):
    words = ["pretrain", str(bright), *TINY, "--epochs", "1", "--out", str(tmp_path / "my runs")]
    assert main(words) == 0
    told = capsys.readouterr().out
    last = told.splitlines()[-1]
    (run,) = (tmp_path / "my runs").iterdir()
    assert last == f"next    twofold evaluate '{run}'"
    assert main(["evaluate", str(run)]) == 0
    assert "held-out fifth" in capsys.readouterr().out
    assert main([*words, "--dry-run"]) == 0
    assert f"this very run exists already: {run}" in capsys.readouterr().err


def test_a_resumed_run_keeps_the_precision_it_was_resolved_to(bright, tmp_path, capsys, monkeypatch):
    """This start would choose the other one; the bits are those of a run that was not stopped."""
    words = ["pretrain", str(bright), *TINY, "--epochs", "2", "--seed", "5", "--out"]
    monkeypatch.setattr(engine, "fast_precision", lambda device: "fp32")
    assert main([*words, str(tmp_path / "whole")]) == 0
    monkeypatch.setattr(pretrain, "fit", stopping_at(3))
    assert main([*words, str(tmp_path / "stopped")]) == 130
    monkeypatch.undo()
    monkeypatch.setattr(engine, "fast_precision", lambda device: "bf16")
    (whole,), (stopped,) = (list((tmp_path / name).iterdir()) for name in ("whole", "stopped"))
    capsys.readouterr()
    assert main(["pretrain", "--resume", str(stopped)]) == 0
    assert "not bit-exact" not in capsys.readouterr().err
    one, other = (digest(load_checkpoint(run / "last.ckpt")) for run in (whole, stopped))
    assert one == other


@pytest.mark.parametrize(
    ("words", "flag"), [(["--epochs", "9"], "--epochs"), (["--dry-run"], "--dry-run"), (["photos"], "DATA")]
)
def test_what_a_run_that_goes_on_cannot_change_is_refused(words, flag, tmp_path, capsys):
    assert main(["pretrain", *words, "--resume", str(tmp_path)]) == 2
    assert f"{flag} and --resume do not go together" in capsys.readouterr().err


def stopping_at(step):
    """The loop, with Ctrl-C after a step."""
    loop = pretrain.fit

    def fit(training, watch):
        def watched(progress, *about):
            if progress.step == step:
                os.kill(os.getpid(), signal.SIGINT)
            watch(progress, *about)

        loop(training, watched)

    return fit


def test_how_files_are_read_is_remembered_by_the_run(tmp_path, capsys):
    deep = np.random.default_rng(0).integers(0, 4000, (24, 16, 16)).astype(np.uint16)
    np.save(tmp_path / "deep.npy", deep)
    words = ["pretrain", str(tmp_path / "deep.npy"), *TINY, "--epochs", "1", "--out", str(tmp_path / "runs")]
    assert main([*words, "--range", "0:4095", "--store-size", "64"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    opened = json.loads((run / "spec.json").read_text())["data"]["open"]
    assert opened["value_range"] == "0:4095"
    assert opened["store_size"] == 64
    typed = Namespace(range=None, store_size=32)
    assert as_typed_or_trained(typed, [str(run), "pixels"]) == {
        "size": None,
        "value_range": "0:4095",
        "store_size": 32,
    }


def test_what_runs_remember_otherwise_is_the_largest_size_and_no_range(tmp_path):
    typed = Namespace(range=None, store_size=None)
    opened = [{"size": 384, "value_range": "0:1"}, {"value_range": "0:2"}, {"store_size": 64}]
    for number, how in enumerate(opened):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "spec.json").write_text(json.dumps({"data": {"open": how}}))
    runs = [str(tmp_path / "0@projector"), *(str(tmp_path / str(n)) for n in (1, 2))]
    remembered = {"size": 384, "store_size": None, "value_range": None}
    assert as_typed_or_trained(typed, runs) == remembered
    assert as_typed_or_trained(typed, runs[:1]) == {**remembered, "value_range": "0:1"}


def test_views_larger_than_usual_are_made_of_images_stored_larger():
    typed = Namespace(range=None, store_size=None)
    assert as_typed(typed, 384, None)["size"] == 384
    assert as_typed(typed, 96, 32)["size"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--epochs", "many"], "--epochs many: it has to be a number"),
        (["--batch-size", "2.5"], "--batch-size 2.5: it has to be a whole number"),
        (
            ["--optimizer", "sdg"],
            "--optimizer sdg: it has to be one of sgd, nesterov, adam, adamw, lars, lars_out, larc, "
            "larc_clip",
        ),
        (["--precision", "fp8"], "--precision fp8: it has to be one of auto, fp32, bf16"),
        (["--config", "none.yaml"], "--config: file does not exist"),
    ],
)
def test_a_value_of_another_kind_is_told_in_plain_words(words, told, images, capsys):
    assert main(["pretrain", str(images), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"twofold: {told}")
    assert error.count("\n") == 1


def test_a_tracker_that_is_not_installed_is_told_before_anything_begins(
    images, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    words = ["pretrain", str(images), *TINY, "--epochs", "1", "--out", str(tmp_path / "runs")]
    assert main([*words, "--track", "mlflow"]) == 2
    assert "pip install mlflow-skinny" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
