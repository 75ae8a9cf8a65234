"""Where figures go beside ``log.jsonl``: the only user of TensorBoard, Weights & Biases and MLflow."""

import importlib.util
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from twofold.core.errors import UsageError
from twofold.core.run import RunFolder

Name = Literal["tensorboard", "wandb", "mlflow"]

_PACKAGES: dict[Name, str] = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow-skinny"}


@runtime_checkable
class Tracker(Protocol):
    """Takes figures of a run."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures after a step."""
        ...

    def alarm(self, step: int, name: str, text: str) -> None:
        """What went wrong, see ``train/alarms.py``."""
        ...

    def close(self, error: BaseException | None) -> None:
        """Nothing more will come, because of an error where there is one."""
        ...


def require(name: Name) -> None:
    """Makes sure that a tracker can be had before anything long begins.

    Raises:
        UsageError: If its package is not installed, or MLflow cannot write where it is told to.
    """
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # a folder of that name, which these packages make, is none
        raise UsageError(
            f"--track {name} needs a package that is not installed: pip install {_PACKAGES[name]}"
        )
    if name == "mlflow":
        _require_place_for_mlflow()


def _require_place_for_mlflow() -> None:
    """Its light package writes to servers only, and by default it is told to write into a database."""
    import mlflow

    _wait_less()
    try:
        mlflow.MlflowClient().search_experiments(max_results=1)
    except mlflow.exceptions.MlflowException as error:
        why = str(error).split(". ")[0].strip()
        raise UsageError(
            f"--track mlflow cannot write to {mlflow.get_tracking_uri()} ({why}): name a server in "
            "MLFLOW_TRACKING_URI, or for a local file: pip install mlflow"
        ) from error


def _wait_less() -> None:
    """For a server that does not answer: by itself, MLflow tries for minutes, each time."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")


def open_tracker(name: Name, folder: RunFolder, done: int, note: Callable[[str], None]) -> Tracker:
    """A tracker of the run in a folder; a resumed run goes on in the same place.

    Args:
        name: ``tensorboard`` writes event files into the run folder. ``wandb`` and ``mlflow`` write where
            their own environment variables say.
        folder: The run.
        done: Its steps so far; what was told of later ones is of no account.
        note: Is told where figures are no longer taken, which ends no training.
    """
    require(name)
    tracker: Tracker
    match name:
        case "tensorboard":
            tracker = TensorBoard(folder, done)
        case "wandb":
            tracker = Wandb(folder)
        case "mlflow":
            tracker = Mlflow(folder)
    return Forgiving(tracker, name, note)


class Forgiving:
    """A tracker that is told nothing more once it has failed: the training goes on, and its log has all.

    Args:
        tracker: Which may fail.
        name: What it is called.
        note: Is told that it did.
    """

    def __init__(self, tracker: Tracker, name: Name, note: Callable[[str], None]) -> None:
        self._tracker: Tracker | None = tracker
        self._name, self._note = name, note

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """As the tracker does."""
        self._tell(lambda tracker: tracker.log(step, figures))

    def alarm(self, step: int, name: str, text: str) -> None:
        """As the tracker does."""
        self._tell(lambda tracker: tracker.alarm(step, name, text))

    def close(self, error: BaseException | None) -> None:
        """As the tracker does."""
        self._tell(lambda tracker: tracker.close(error))

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        if self._tracker is None:
            return
        try:
            what(self._tracker)
        except Exception as error:  # whatever its package raises
            self._tracker = None
            why = str(error).strip().partition("\n")[0]
            self._note(f"! {self._name} takes no more figures ({why}): log.jsonl goes on to have them all")


class TensorBoard:
    """Event files in the run folder: ``tensorboard --logdir runs`` shows all runs."""

    def __init__(self, folder: RunFolder, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(folder.path, purge_step=done + 1)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """One scalar a figure."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def alarm(self, step: int, name: str, text: str) -> None:
        """A text called like the alarm."""
        self._writer.add_text(f"alarm/{name}", text, step)
        self._writer.flush()

    def close(self, error: BaseException | None) -> None:
        """Closes the file, which cannot tell how it ended."""
        self._writer.close()


class Wandb:
    """A run of the project ``twofold``, or of ``WANDB_PROJECT``; the spec is its configuration."""

    def __init__(self, folder: RunFolder) -> None:
        import wandb

        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "twofold"),
            id=folder.path.name,
            name=folder.path.name,
            dir=folder.path,
            config=folder.spec,
            resume="allow",
        )

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """All figures at once."""
        self._run.log(dict(figures), step=step)

    def alarm(self, step: int, name: str, text: str) -> None:
        """An alert, which goes to where its user wants alerts."""
        self._run.alert(name, f"step {step}: {text}", level="WARN")

    def close(self, error: BaseException | None) -> None:
        """Ends the run there, as failed where it did not come to its end."""
        self._run.finish(exit_code=0 if error is None else 1)


class Mlflow:
    """A run of the experiment ``twofold``, or of ``MLFLOW_EXPERIMENT_NAME``, in ``MLFLOW_TRACKING_URI``."""

    def __init__(self, folder: RunFolder) -> None:
        import mlflow
        from mlflow.entities import Metric

        _wait_less()
        self._metric = Metric
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "twofold")
        found = mlflow.set_experiment(experiment).experiment_id
        self._client = mlflow.MlflowClient()
        name = folder.path.name
        known = self._client.search_runs([found], f"attributes.run_name = '{name}'", max_results=1)
        run = known[0] if known else self._client.create_run(found, run_name=name)
        self._id: str = run.info.run_id
        if known:
            self._client.update_run(self._id, "RUNNING")
        else:
            self._client.log_dict(self._id, folder.spec, "spec.json")

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """All figures at once."""
        now = round(time.time() * 1000)
        metrics = [self._metric(name, value, now, step) for name, value in figures.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def alarm(self, step: int, name: str, text: str) -> None:
        """A tag called like the alarm."""
        self._client.set_tag(self._id, f"alarm.{name}", f"step {step}: {text}")

    def close(self, error: BaseException | None) -> None:
        """Ends the run there, as failed where it did not come to its end."""
        self._client.set_terminated(self._id, "FINISHED" if error is None else "FAILED")
