import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from twofold.core import registry
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import RunFolder
from twofold.data import open_source
from twofold.nn import encoder
from twofold.nn.weights import load_encoder
from twofold.objectives.whitening import whiten
from twofold.train import go_on, pretrain
from twofold.train.checkpoint import digest, keep_checkpoint, load_checkpoint
from twofold.train.engine import Engine
from twofold.train.optim import OptimizerSpec
from twofold.train.prepare import prepare
from twofold.train.pretrain import Stopped, resume, start
from twofold.train.resolve import Request, resolve

METHODS = ["simclr", "moco_v2", "swav"]
"""One without state of its own, one with a queue and a teacher, one with prototypes and local views."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Forty images of 16 pixels in two class folders, and one file that is no image."""
    root = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    for row in range(40):
        place = root / ("dark" if row % 2 else "light")
        place.mkdir(exist_ok=True)
        pixels = draw.integers(0, 120, (16, 16, 3)) + (0 if row % 2 else 120)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{row:02}.png")
    (root / "dark" / "broken.png").write_bytes(b"no image")
    return root


class Silent:
    """Shows nothing; asks to stop, as Ctrl-C does, when a step is reached."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, progress, figures) -> None:
        if progress.step == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)


def request(method: str = "simclr", **changes) -> Request:
    small = {"encoder": "resnet18_w4", "size": 16, "view_size": 16, "batch_size": 8, "epochs": 2.4, "seed": 3}
    if method == "moco_v2":
        small["arguments"] = {"bn_splits": 2, "queue": 32}
    return Request(method=method, **{**small, **changes})


def begin(folder: Path, out: Path, show: Silent, asked: Request, **how) -> RunFolder:
    engine = Engine.start("fp32", threads=1)
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    return start(prepare(asked, source, opened, engine=engine, show=show), out, show, **how)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(method, folder, tmp_path):
    undisturbed = begin(folder, tmp_path / "a", Silent(), request(method))
    with pytest.raises(Stopped) as stopped:
        begin(folder, tmp_path / "b", Silent(stop_at=7), request(method))
    resumed = stopped.value.args[0]
    assert load_checkpoint(resumed.path / "last.ckpt")["step"] == 7
    torch.manual_seed(99)
    show = Silent()
    source = open_source(**resumed.spec["data"]["open"], progress=False)
    resume(resumed, source, Engine.start("fp32", threads=1), show)
    one, other = (load_checkpoint(run.path / "last.ckpt") for run in (undisturbed, resumed))
    assert one["step"] == 12
    assert digest(one) == digest(other)
    assert not show.notes
    steps = [line["step"] for line in resumed.log()]
    assert steps == list(range(1, 13))
    seconds = [line["seconds"] for line in resumed.log()]
    assert seconds == sorted(seconds)
    assert [line["loss"] for line in resumed.log()] == [line["loss"] for line in undisturbed.log()]


def test_the_run_folder_holds_what_it_should(folder, tmp_path):
    run = begin(folder, tmp_path, Silent(), request(epochs=1.0))
    assert {path.name for path in run.path.iterdir()} == {
        "spec.json",
        "log.jsonl",
        "last.ckpt",
        "previous.ckpt",
        ".lock",
        "encoder.safetensors",
        "parts.safetensors",
        "views.png",
        "skipped.txt",
    }
    assert "broken.png" in (run.path / "skipped.txt").read_text()
    encoder = load_encoder(run.path / "encoder.safetensors")
    trained = load_checkpoint(run.path / "last.ckpt")["method"]
    assert all(torch.equal(v, trained[f"encoder.{k}"]) for k, v in encoder.state_dict().items())
    assert run.path.name.endswith(f"s3-{run.run.key}")
    assert json.loads((run.path / "spec.json").read_text())["key"] == run.run.key


def test_the_key_is_of_what_changes_the_weights(folder, tmp_path):
    engine, show = Engine.start("fp32", threads=1), Silent()
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)

    def key(**changes):
        return prepare(request(**changes), source, opened, engine=engine, show=show).run.key

    keys = [key(), key(seed=4), key(lr=0.123), key(epochs=3.0), key(arguments={"temperature": 0.31})]
    keys += [key(freeze="projector"), key(arguments={"hidden": [24, 12]})]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]


def test_arguments_that_came_later_are_in_the_spec_only_where_they_are_used(folder):
    """Keys of the papers' own settings stay what they were before."""
    source = open_source(str(folder), progress=False)

    def named(**arguments):
        asked = Request(method="moco_v1", arguments=arguments)
        return resolve(asked, source, 40, accelerator=False).arguments.get("hidden")

    assert named() is None and named(hidden=0) is None
    assert named(hidden=24) == 24


def test_what_was_frozen_is_what_was_drawn_after_a_resumed_run_too(folder, tmp_path):
    asked = request("simsiam", freeze=("predictor", "projector"))
    undisturbed = begin(folder, tmp_path / "a", Silent(), asked)
    with pytest.raises(Stopped) as stopped:
        begin(folder, tmp_path / "b", Silent(stop_at=7), asked)
    run = stopped.value.args[0]
    assert run.run.freeze == ["predictor", "projector"]
    first = load_checkpoint(run.path / "previous.ckpt")["method"]
    resume(run, open_source(str(folder), progress=False), Engine.start("fp32", threads=1), Silent())
    one, other = (load_checkpoint(path / "last.ckpt") for path in (undisturbed.path, run.path))
    assert digest(one) == digest(other)
    trained = one["method"]
    for name, value in first.items():
        if name.endswith(("weight", "bias")):
            assert torch.equal(value, trained[name]) == name.startswith(("projector", "predictor")), name


def test_a_checkpoint_of_another_run_is_not_gone_on_with(folder, tmp_path):
    source = open_source(str(folder), progress=False)
    stopped = []
    for seed in (1, 2):
        with pytest.raises(Stopped) as each:
            begin(folder, tmp_path, Silent(stop_at=3), request(seed=seed))
        stopped.append(each.value.args[0])
    shutil.copy(stopped[0].path / "last.ckpt", stopped[1].path / "last.ckpt")
    with pytest.raises(TwofoldError, match=f"is of another run, whose key is {stopped[0].run.key}"):
        resume(stopped[1], source, Engine.start("fp32", threads=1), Silent())


def test_the_very_same_run_is_not_overwritten(folder, tmp_path):
    begin(folder, tmp_path, Silent(), request(epochs=1.0))
    with pytest.raises(TwofoldError, match="exists already"):
        begin(folder, tmp_path, Silent(), request(epochs=1.0))


def test_minutes_become_steps_before_the_first_one(folder):
    engine, show = Engine.start("fp32", threads=1), Silent()
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    prepared = prepare(request(epochs=None, minutes=0.2), source, opened, engine=engine, show=show)
    assert prepared.run.steps > 5
    assert prepared.about["asked"] == {"minutes": 0.2}


def test_data_that_changed_is_not_trained_on_further(folder, tmp_path):
    with pytest.raises(Stopped) as stopped:
        begin(folder, tmp_path, Silent(stop_at=2), request(seed=8))
    run = stopped.value.args[0]
    other = open_source(str(folder / "dark"), progress=False)
    with pytest.raises(TwofoldError, match="have changed"):
        resume(run, other, Engine.start("fp32", threads=1), Silent())


def test_a_checkpoint_that_is_not_of_its_run_is_told(folder, tmp_path):
    with pytest.raises(Stopped) as stopped:
        begin(folder, tmp_path / "a", Silent(stop_at=2), request(seed=12))
    with pytest.raises(Stopped) as other:
        begin(folder, tmp_path / "b", Silent(stop_at=2), request("swav", seed=12))
    run = stopped.value.args[0]
    state = load_checkpoint(other.value.args[0].path / "last.ckpt")
    keep_checkpoint(run.path, {**state, "run": run.run.key})
    source = open_source(str(folder), progress=False)
    with pytest.raises(TwofoldError, match=r"the checkpoint in .* does not fit its spec\.json"):
        resume(run, source, Engine.start("fp32", threads=1), Silent())


def test_checkpoints_are_written_as_often_as_asked_for(folder, tmp_path, monkeypatch):
    steps = []
    keep = go_on.keep_checkpoint
    monkeypatch.setattr(
        go_on, "keep_checkpoint", lambda path, state: steps.append(state["step"]) or keep(path, state)
    )
    begin(folder, tmp_path / "never", Silent(), request(epochs=1.0))
    assert steps == [0, 5]
    steps.clear()
    begin(folder, tmp_path / "always", Silent(), request(epochs=1.0), checkpoint_minutes=0.0)
    assert steps == [0, 1, 2, 3, 4, 5, 5]


def test_a_finished_run_has_nothing_to_resume(folder, tmp_path):
    run = begin(folder, tmp_path, Silent(), request(epochs=1.0, seed=9))
    source = open_source(**run.spec["data"]["open"], progress=False)
    with pytest.raises(TwofoldError, match="finished"):
        resume(run, source, Engine.start("fp32", threads=1), Silent())


def test_what_the_user_says_wins_over_the_preset_and_the_preset_over_the_paper(folder):
    source = open_source(str(folder), progress=False)

    def temperature(**asked):
        resolved = resolve(Request(**asked), source, 40, accelerator=False)
        return resolved.arguments["temperature"]

    assert temperature() == 0.2
    assert temperature(preset="paper") == 0.1
    assert temperature(arguments={"temperature": 0.7}) == 0.7


def test_the_rate_of_a_preset_grows_with_the_batch_and_that_of_the_user_does_not(folder):
    source = open_source(str(folder), progress=False)

    def rate(**asked):
        return resolve(Request(**asked), source, 40, accelerator=False).optimizer.lr

    assert rate(batch_size=32) == pytest.approx(2 * rate(batch_size=16))
    assert rate(batch_size=32, lr=0.3) == 0.3


def test_a_preset_may_be_the_papers_whole_training(folder, monkeypatch):
    """And what a method calls momentum is not the optimiser's."""
    paper = {"momentum": 0.5, "lr": 0.6, "schedule": "step", "drops": (0.6, 0.8), "epochs": 200}
    monkeypatch.setattr(registry.find("methods", "byol"), "presets", {"paper_like": paper})
    asked = Request(method="byol", preset="paper_like", batch_size=32)
    resolved = resolve(asked, open_source(str(folder), progress=False), 40, accelerator=False)
    assert (resolved.epochs, resolved.minutes) == (200, None)
    assert resolved.arguments["momentum"] == 0.5
    assert resolved.optimizer == OptimizerSpec(lr=0.075, schedule="step", drops=(0.6, 0.8))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"arguments": {"temprature": 1}}, "did you mean 'temperature'"),
        ({"preset": "smal"}, "has no preset"),
        ({"arguments": {"temperature": 0}}, "--temperature must be above 0, not 0"),
        ({"method": "dino", "arguments": {"first_temperature": 0.0}}, "--first-temperature must be above 0"),
        ({"method": "swav", "arguments": {"epsilon": 0.0}}, "--epsilon must be above 0"),
        ({"method": "swav", "arguments": {"iterations": 0}}, "--iterations must be 1 or more"),
        ({"method": "dino", "arguments": {"prototypes": 0}}, "--prototypes must be 1 or more"),
        ({"method": "deepcluster_v2", "arguments": {"heads": 0}}, "--heads must be 1 or more"),
        ({"method": "moco_v2", "arguments": {"bn_splits": 0}}, "--bn-splits must be 1 or more"),
        ({"method": "byol", "arguments": {"momentum": 1.5}}, "--momentum must be from 0 to 1, not 1.5"),
        ({"method": "dino", "arguments": {"center_momentum": 1.5}}, "--center-momentum must be from 0 to 1"),
        ({"method": "supervised", "arguments": {"label_smoothing": 1.5}}, "--label-smoothing must be from 0"),
        ({"method": "vicreg", "arguments": {"invariance": -1.0}}, "--invariance must be 0 or more"),
        ({"method": "byol", "recipe": "EXEMPLAR"}, "compares 2 views .* exemplar has 8"),
        (
            {"method": "vicreg", "recipe": {"base": "multi_crop", "arguments": {"base": "B"}}},
            "no use for the 6 small crops",
        ),
        ({"method": "supcon", "recipe": "CROP_AND_FLIP"}, "compares 2 or more views .* crop and flip has 1"),
        ({"method": "instdisc", "recipe": "JIGSAW"}, "view 1 of each image whole, .* has it in patches"),
        ({"method": "pirl", "recipe": "B"}, "view 2 of each image in patches, .* B has it whole"),
        ({"method": "simclr", "recipe": "split"}, "view 1 .* whole, .* has it in some of its colours"),
        ({"method": "simclar"}, "did you mean 'simclr'"),
        ({"encoder": "resnet18_w4", "epochs": 1, "minutes": 1}, "not both"),
        ({"batch_size": 64}, "larger than the 40 images"),
        ({"epochs": -1}, "above 0"),
        ({"seed": -1}, "from 0 to"),
        ({"warmup": 2.0}, "from 0 to 1"),
        ({"min_scale": 3.0}, "from 0 to 1"),
    ],
)
def test_a_request_that_cannot_be_met_is_told_in_a_sentence(asked, sentence, folder):
    source = open_source(str(folder), progress=False)
    with pytest.raises(UsageError, match=sentence):
        resolve(Request(**asked), source, 40, accelerator=False)


FOUR = {"base": "sizes", "arguments": {"wanted": [[1.0, [0.2, 1.0], 4]]}}


@pytest.mark.parametrize(
    ("asked", "views"),
    [
        ({"method": "byol", "recipe": "multi_crop"}, (2, 6)),
        ({"method": "supervised", "recipe": "multi_crop"}, (1, 6)),
        ({"method": "supervised", "recipe": {"base": "multi_crop", "arguments": {"base": "B"}}}, (2, 6)),
        ({"method": "swav", "recipe": {"base": "multi_crop", "arguments": {"local_count": 3}}}, (2, 3)),
        ({"method": "swav", "preset": "cifar10", "recipe": "multi_crop"}, (2, 6)),
        ({"method": "swav", "recipe": "B"}, (2, 0)),
        ({"method": "w_mse", "recipe": FOUR}, (4, 0)),
        ({"method": "w_mse", "preset": "imagenet", "recipe": "W_MSE"}, (2, 0)),
        ({"method": "supcon", "recipe": FOUR}, (4, 0)),
    ],
)
def test_any_views_for_any_method_that_can_take_them(asked, views, folder):
    source = open_source(str(folder), progress=False)
    recipe = resolve(Request(**asked), source, 40, accelerator=False).recipe
    assert (len(recipe.globals_), len(recipe.expanded) - len(recipe.globals_)) == views


@pytest.mark.parametrize("place", ["", "last.ckpt"])
def test_a_warm_start_begins_with_the_parents_encoder(place, folder, tmp_path):
    from twofold.train.prepare import build

    parent = begin(folder, tmp_path, Silent(), request(epochs=1.0, seed=11))
    engine = Engine.start("fp32", threads=1)
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    asked = request("moco_v2")
    child = prepare(asked, source, opened, engine=engine, init=str(parent.path / place), show=Silent())
    from twofold.data.splits import pretraining_images

    method = build(child.run, pretraining_images(source), engine).method
    wanted = load_encoder(parent.path / "encoder.safetensors").state_dict()
    for name, value in wanted.items():
        assert torch.equal(method.encoder.state_dict()[name], value)
        assert torch.equal(method.teacher.encoder.state_dict()[name], value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"encoder": "resnet18_w8"}, "--encoder resnet18_w8: .* has resnet18_w4"), ({"size": 24}, "--size 24")],
)
def test_another_encoder_than_the_parents_is_refused(changes, told, folder, tmp_path):
    parent = begin(folder, tmp_path, Silent(), request(epochs=1.0))
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    engine, init = Engine.start("fp32", threads=1), str(parent.path)
    with pytest.raises(UsageError, match=told):
        prepare(request(**changes), source, opened, engine=engine, init=init, show=Silent())
    unsaid = prepare(request(encoder=None), source, opened, engine=engine, init=init, show=Silent())
    assert unsaid.run.encoder["name"] == "resnet18_w4"


class Failing(Silent):
    """Fails, as a full disk would, when a step is reached."""

    def step(self, progress, figures) -> None:
        if progress.step == self.stop_at:
            raise OSError("no space left")


class Removing(Silent):
    """Removes the run folder between the log's line and the checkpoint of a step."""

    def __init__(self, out: Path, stop_at: int) -> None:
        super().__init__(stop_at)
        self.out = out

    def step(self, progress, figures) -> None:
        if progress.step == self.stop_at:
            shutil.rmtree(next(self.out.iterdir()))


def test_a_folder_that_was_removed_is_not_made_anew_for_a_checkpoint(folder, tmp_path):
    with pytest.raises(TwofoldError, match="is gone: was it moved or removed"):
        begin(folder, tmp_path, Removing(tmp_path, 2), request(), checkpoint_minutes=0.0)
    assert not list(tmp_path.iterdir())


def test_a_run_that_dies_before_its_first_checkpoint_goes_on_from_the_start(folder, tmp_path):
    undisturbed = begin(folder, tmp_path / "a", Silent(), request())
    with pytest.raises(OSError, match="no space"):
        begin(folder, tmp_path / "b", Failing(stop_at=2), request())
    (path,) = (tmp_path / "b").iterdir()
    run = RunFolder.open(path)
    resume(run, open_source(str(folder), progress=False), Engine.start("fp32", threads=1), Silent())
    one, other = (load_checkpoint(place / "last.ckpt") for place in (undisturbed.path, path))
    assert digest(one) == digest(other)
    assert [line["step"] for line in run.log()] == list(range(1, 13))


def test_a_loss_that_is_no_number_names_the_images_and_leaves_no_folder(folder, tmp_path):
    out = tmp_path / "runs"
    with pytest.raises(TwofoldError, match=r"nan at step 0 .*on the images \w+/\d\d.png, .* and 3 more;"):
        begin(folder, out, Silent(), request(arguments={"temperature": 1e-45}))
    assert not list(out.iterdir())


def test_a_method_that_learns_from_labels_gets_them(folder, tmp_path):
    run = begin(folder, tmp_path, Silent(), request("supervised", epochs=6.0))
    losses = [line["loss"] for line in run.log()]
    assert sum(losses[-5:]) < sum(losses[:5])
    encoder = load_checkpoint(run.path / "last.ckpt")["method"]
    assert encoder["classifier.weight"].shape[0] == 2


def test_without_labels_it_is_told(folder, tmp_path):
    opened = {"data": str(folder), "labels": "none"}
    source = open_source(**opened, progress=False)
    with pytest.raises(TwofoldError, match="no labels to learn from"):
        prepare(request("supervised"), source, opened, engine=Engine.start("fp32", threads=1), show=Silent())


@pytest.mark.parametrize(
    ("changes", "side"),
    [({"view_size": 24}, 24), ({"size": 64, "view_size": 64, "recipe": "multi_crop", "method": "byol"}, 27)],
)
def test_views_that_the_encoder_cannot_take_are_told_before_anything_is_written(changes, side, folder):
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    asked = request(**{"encoder": "test_convnext", **changes})
    with pytest.raises(
        UsageError, match=f"test_convnext takes no views of {side} pixels: give another --view"
    ):
        prepare(asked, source, opened, engine=Engine.start("fp32", threads=1), show=Silent())


def test_public_weights_that_cannot_be_had_are_told_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr("twofold.nn.public.can_be_had", lambda name: False)
    opened = {"data": str(folder)}
    source = open_source(**opened, progress=False)
    engine = Engine.start("fp32", threads=1)
    with pytest.raises(TwofoldError, match="resnet18 cannot be had"):
        prepare(request(), source, opened, engine=engine, init="timm:resnet18", show=Silent())


def test_one_image_is_too_few(folder):
    source = open_source(str(folder), progress=False)
    with pytest.raises(TwofoldError, match="one image"):
        resolve(Request(), source, 1, accelerator=False)


def test_not_even_one_thread_is_a_misuse():
    with pytest.raises(UsageError, match="1 or more"):
        Engine.start(threads=0)


class Poisoning(Silent):
    """Makes a weight infinite after a step, as a gradient would that is no number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        super().__init__()
        taken = pretrain.fit

        def fit(training, watch):
            def poisoned(progress, *about):
                if progress.step == step:
                    next(training.method.encoder.parameters()).data[0] = torch.inf
                watch(progress, *about)

            taken(training, poisoned)

        monkeypatch.setattr(pretrain, "fit", fit)


@pytest.mark.parametrize("step", [6, 12])
def test_infinite_weights_are_not_kept_even_at_the_end(step, folder, tmp_path, monkeypatch):
    show = Poisoning(monkeypatch, step)
    with pytest.raises(TwofoldError, match=f"the weights became infinite by step {step}") as told:
        begin(folder, tmp_path, show, request(), checkpoint_minutes=0.0)
    (run,) = tmp_path.iterdir()
    assert load_checkpoint(run / "last.ckpt")["step"] == step - 1
    assert f"--init {run / 'last.ckpt'}" in told.value.__notes__[0]
    assert not (run / "encoder.safetensors").exists()


def test_embeddings_that_cannot_be_whitened_end_a_run_as_any_loss_that_is_no_number(
    folder, tmp_path, monkeypatch
):
    """Not with the advice to resume, which would meet them again."""
    factors = iter((1, 1, 1, 0))

    def failing(x, shrink):
        return whiten(x * next(factors), shrink)

    monkeypatch.setattr("twofold.methods.w_mse.whiten", failing)
    with pytest.raises(TwofoldError, match=r"the loss became nan at step 3 .* a --shrink of 0") as told:
        begin(folder, tmp_path, Silent(), request("w_mse"))
    (run,) = tmp_path.iterdir()
    assert load_checkpoint(run / "last.ckpt")["step"] == 3
    assert f"--init {run / 'last.ckpt'}" in told.value.__notes__[0]


def test_a_run_goes_on_without_the_one_that_it_started_from(folder, tmp_path):
    parent = begin(folder, tmp_path / "parent", Silent(), request(epochs=1.0, seed=11))
    engine, opened = Engine.start("fp32", threads=1), {"data": str(folder)}
    source = open_source(**opened, progress=False)
    init = str(parent.path / "last.ckpt")
    with pytest.raises(Stopped):
        child = prepare(request(), source, opened, engine=engine, init=init, show=Silent())
        start(child, tmp_path / "child", Silent(stop_at=5))
    shutil.rmtree(parent.path)
    (run,) = (tmp_path / "child").iterdir()
    resume(RunFolder.open(run), source, engine, Silent())
    assert load_checkpoint(run / "last.ckpt")["step"] == 12


def test_a_warm_start_of_another_build_is_refused_and_of_the_same_is_one(folder, tmp_path):
    from twofold.train.prepare import build

    engine, opened = Engine.start("fp32", threads=1), {"data": str(folder)}
    source = open_source(**opened, progress=False)
    small = {"arguments": {"negatives": 4}}
    parents = {
        name: begin(folder, tmp_path, Silent(), request(name, epochs=1.0, **changes))
        for name, changes in (("simclr", {}), ("cmc", small))
    }
    asked = request("cmc", **small)
    with pytest.raises(UsageError, match="cmc learns an encoder of another build"):
        prepared = prepare(
            asked, source, opened, engine=engine, init=str(parents["simclr"].path), show=Silent()
        )
        build(prepared.run, source.splits["train"], engine)
    wanted = load_encoder(parents["cmc"].path / "encoder.safetensors").state_dict()
    for init in (parents["cmc"].path, parents["cmc"].path / "last.ckpt"):
        prepared = prepare(asked, source, opened, engine=engine, init=str(init), show=Silent())
        encoder = build(prepared.run, source.splits["train"], engine).method.encoder.state_dict()
        assert all(torch.equal(encoder[name], value) for name, value in wanted.items())


def test_a_method_of_another_revision_is_told(folder, tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        begin(folder, tmp_path, Silent(stop_at=5), request())
    (run,) = tmp_path.iterdir()
    monkeypatch.setattr(registry.find("methods", "simclr"), "revision", 2)
    show = Silent()
    source = open_source(str(folder), progress=False)
    resume(RunFolder.open(run), source, Engine.start("fp32", threads=1), show)
    assert any(
        "revision of simclr was 1 and is now 2: the resumed run is not bit-exact" in n for n in show.notes
    )
    assert RunFolder.open(run).spec["inexact"][0]["step"] == 5


def test_settings_that_were_changed_by_hand_are_told_and_followed(folder, tmp_path):
    with pytest.raises(Stopped):
        begin(folder, tmp_path, Silent(stop_at=5), request())
    (run,) = tmp_path.iterdir()
    spec = json.loads((run / "spec.json").read_text())
    spec["optimizer"]["lr"] = 0.001
    (run / "spec.json").write_text(json.dumps(spec))
    show = Silent()
    source = open_source(str(folder), progress=False)
    resume(RunFolder.open(run), source, Engine.start("fp32", threads=1), show)
    told = "settings in spec.json were changed since the run began"
    assert f"{told}: the resumed run is not bit-exact" in show.notes
    assert RunFolder.open(run).spec["inexact"] == [{"step": 5, "because": [told]}]
    assert max(line["lr"] for line in RunFolder.open(run).log() if line["step"] > 5) <= 0.001


def test_skipped_files_may_have_names_that_are_no_text(folder, tmp_path):
    place = tmp_path / "images"
    shutil.copytree(folder, place)
    Path(os.fsdecode(os.fsencode(place) + b"/caf\xe9.png")).write_bytes(b"no image")
    run = begin(place, tmp_path / "runs", Silent(), request(epochs=0.2))
    assert b"caf\xe9.png\t" in (run.path / "skipped.txt").read_bytes()


def test_a_finished_run_is_not_asked_to_go_on(folder, tmp_path):
    run = begin(folder, tmp_path, Silent(), request(epochs=0.2))
    with pytest.raises(TwofoldError, match=f"judge it with: twofold evaluate {run.path}"):
        begin(folder, tmp_path, Silent(), request(epochs=0.2))


def test_where_the_machine_has_no_preset_of_its_own_the_small_one_is_taken(folder, monkeypatch):
    """A GPU and small images ask for ``cifar10``, which PixPro does not have; plain SGD collapses there."""
    source = open_source(str(folder), progress=False)
    resolved = resolve(Request(method="pixpro", encoder="resnet18_w4"), source, 40, accelerator=True)
    small = registry.find("methods", "pixpro").presets["small"]
    assert resolved.optimizer.optimizer == small["optimizer"]


def test_a_run_in_small_parts_learns_what_a_run_in_whole_batches_learns(folder, tmp_path, monkeypatch):
    """Of a network without batch norm, whose gradients are those of the whole batch."""
    seen, real = [], encoder.in_parts
    monkeypatch.setattr(encoder, "in_parts", lambda *given: seen.append(given[2]) or real(*given))
    vit = request(encoder="vit_tiny_patch16_224", epochs=0.4, arguments={"hidden": 32, "dim": 16})
    whole = begin(folder, tmp_path / "whole", Silent(), vit)
    assert not seen
    parts = begin(folder, tmp_path / "parts", Silent(), replace(vit, micro_batch=5))
    assert set(seen) == {5}
    losses = [[line["loss"] for line in run.log() if "loss" in line] for run in (whole, parts)]
    assert len(losses[0]) == 2 and losses[0] == pytest.approx(losses[1], rel=1e-4)
    weights = [load_encoder(run.path / "encoder.safetensors").state_dict() for run in (whole, parts)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=1e-3, atol=1e-5)
