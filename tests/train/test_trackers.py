"""Figures go where they are asked to go."""

import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from twofold.core.errors import UsageError
from twofold.core.run import RunFolder
from twofold.train.trackers import Forgiving, Mlflow, Wandb, open_tracker, require


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a-run").mkdir()
    (tmp_path / "a-run" / "spec.json").write_text(json.dumps({"seed": 3}))
    return RunFolder(tmp_path / "a-run")


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(UsageError, match=r"--track wandb needs .*: pip install wandb$"):
        require("wandb")


def test_a_folder_of_a_packages_name_is_not_the_package(tmp_path, monkeypatch):
    """wandb writes into a folder called wandb, which Python would import."""
    monkeypatch.delitem(__import__("sys").modules, "wandb", raising=False)
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(UsageError, match="pip install wandb"):
        require("wandb")


def test_of_a_run_that_begins_anew_tensorboard_forgets_all(folder):
    """Killed before its second checkpoint, it goes on from step 0; read as TensorBoard itself reads."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    for loss in (4.5, 4.25):
        tracker = open_tracker("tensorboard", folder, 0, print)
        for step in (1, 2, 3) if loss == 4.5 else (1,):
            tracker.log(step, {"loss": loss})
        tracker.close(None)
    read = EventAccumulator(str(folder.path))
    read.Reload()
    assert [(event.step, event.tensor_proto.float_val[0]) for event in read.Tensors("loss")] == [(1, 4.25)]


def test_tensorboard_reads_what_was_written_also_by_a_resumed_run(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for done, loss in ((0, 4.5), (1, 4.25)):
        tracker = open_tracker("tensorboard", folder, done, print)
        tracker.log(done + 1, {"loss": loss, "std": 0.5})
        tracker.log(done + 2, {"std": 0.25})  # thrown away with the first of the two
        tracker.alarm(done + 1, "collapse", "every image gets the same")
        tracker.close(None)
    read = EventAccumulator(str(folder.path))
    read.Reload()
    assert set(read.Tags()["scalars"]) == {"loss", "std"}
    assert [(event.step, event.value) for event in read.Scalars("loss")] == [(1, 4.5), (2, 4.25)]
    assert [(event.step, event.value) for event in read.Scalars("std")] == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert read.Tags()["tensors"] == ["alarm/collapse/text_summary"]


def test_wandb_writes_offline(folder, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = open_tracker("wandb", folder, 0, print)
    tracker.log(1, {"loss": 4.5})
    tracker.alarm(1, "collapse", "every image gets the same")
    tracker.close(None)
    (written,) = folder.path.glob("wandb/offline-run-*/*.wandb")
    wait_for(lambda: {b"loss", b"every image"} <= set(re.findall(b"loss|every image", written.read_bytes())))


def wait_for(there: Callable[[], bool]) -> None:
    """W&B writes in another process, which takes its time."""
    until = time.monotonic() + 20
    while not there():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_mlflow_goes_on_in_the_same_run(folder, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracked").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for done, loss in ((0, 4.5), (1, 4.25)):
        tracker = open_tracker("mlflow", folder, done, print)
        tracker.log(done + 1, {"loss": loss})
        tracker.alarm(done + 1, "collapse", "every image gets the same")
        tracker.close(None)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("twofold")
    (run,) = client.search_runs([experiment.experiment_id])
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [
        (1, 4.5),
        (2, 4.25),
    ]
    assert run.data.tags["alarm.collapse"] == "step 2: every image gets the same"


def test_mlflow_that_cannot_write_is_told_before_anything_begins(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracked").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    with pytest.raises(UsageError, match=r"^--track mlflow cannot write to file:.*: name a server"):
        require("mlflow")


def test_a_tracker_that_fails_ends_nothing_and_is_told_of_once():
    def fails(*_):
        raise ConnectionError("no answer\nafter three times")

    notes = []
    broken = SimpleNamespace(log=fails, alarm=fails, close=fails)
    tracker = Forgiving(broken, "mlflow", notes.append)
    tracker.log(1, {"loss": 4.5})
    tracker.alarm(1, "collapse", "every image gets the same")
    tracker.close(None)
    assert notes == ["! mlflow takes no more figures (no answer): log.jsonl goes on to have them all"]


@pytest.mark.parametrize(
    ("error", "told"), [(None, (0, "FINISHED")), (ValueError("it diverged"), (1, "FAILED"))]
)
def test_a_run_that_came_to_no_end_is_not_called_finished(error, told, folder, monkeypatch):
    """Neither package is needed to see what it is told."""
    ended = []

    def finish(exit_code):
        ended.append(exit_code)

    run = SimpleNamespace(finish=finish)
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=lambda **_: run))
    states = mlflow_states(monkeypatch)
    for tracker in (Wandb, Mlflow):
        tracker(folder).close(error)
    assert (*ended, states[-1]) == told


def test_a_run_that_goes_on_is_running_again_to_mlflow(folder, monkeypatch):
    states = mlflow_states(monkeypatch)
    Mlflow(folder).close(ValueError("the disk is full"))
    Mlflow(folder).close(None)
    assert states == ["RUNNING", "FAILED", "RUNNING", "FINISHED"]


def mlflow_states(monkeypatch):
    """What stands there, one after the other, for a run that is known already."""
    states = []
    client = SimpleNamespace(
        search_runs=lambda *_, **__: [SimpleNamespace(info=SimpleNamespace(run_id="a"))],
        update_run=lambda _, status: states.append(status),
        set_terminated=lambda _, status: states.append(status),
    )
    experiment = SimpleNamespace(experiment_id="0")
    mlflow = SimpleNamespace(set_experiment=lambda _: experiment, MlflowClient=lambda: client)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "mlflow.entities", SimpleNamespace(Metric=None))
    return states
