"""Pre-training from a request to a finished run folder, and resuming one."""

import dataclasses
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from twofold.core import registry
from twofold.core.batch import Progress, Step
from twofold.core.dist import rank
from twofold.core.errors import TwofoldError
from twofold.core.files import remove_leftovers, write_text
from twofold.core.lock import locked
from twofold.core.method import Method
from twofold.core.run import Run, RunFolder
from twofold.core.source import Images, Source
from twofold.data.splits import labelled_images, pretraining_images
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder, save_parts
from twofold.train.checkpoint import has_checkpoint, keep_checkpoint, newest_checkpoint
from twofold.train.engine import Engine, seed_everything
from twofold.train.environment import about, environment
from twofold.train.go_on import told_how_to_go_on
from twofold.train.interrupts import interrupts
from twofold.train.length import number_of_steps
from twofold.train.loop import Training, fit
from twofold.train.monitors import Log, OnlineKnn, Pace, spread
from twofold.train.optim import OptimizerSpec, make_optimizer
from twofold.train.resolve import Request, resolve
from twofold.train.stream import Stream
from twofold.train.teacher import load_teacher, teacher_of
from twofold.train.warm_start import initial_encoder, parent_of
from twofold.views.maker import ViewMaker
from twofold.views.plain import from_json, to_json
from twofold.views.sheet import contact_sheet

CHECKPOINT_MINUTES = 5.0
"""Between two checkpoints."""


@runtime_checkable
class Show(Protocol):
    """Where progress is shown; the command line passes a live bar."""

    def note(self, text: str) -> None:
        """A line of text."""
        ...

    def step(self, progress: Progress, figures: dict[str, float]) -> None:
        """Figures after a step."""
        ...


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The user asked to stop; the checkpoint is written. Its argument is the run folder."""


@dataclass(frozen=True)
class Prepared:
    """A run that is resolved but not begun."""

    run: Run
    about: dict[str, Any]
    source: Source
    engine: Engine


def prepare(
    request: Request,
    source: Source,
    opened: dict[str, Any],
    *,
    engine: Engine,
    init: str | None = None,
    teacher: str | None = None,
    command: str = "",
    show: Show,
) -> Prepared:
    """Resolves every choice, measuring the speed where the length is given in minutes.

    Args:
        request: What the user asked for.
        source: The data.
        opened: Keywords that open the data again.
        engine: Where it is computed.
        init: ``timm:NAME`` or a run folder whose encoder the training starts from.
        teacher: Folder of the classifier that the method learns from.
        command: What was typed, for the record.
        show: Where progress is shown.
    """
    images = images_for(request.method, source)
    resolved = resolve(request, source, len(images), accelerator=engine.device.type != "cpu")
    encoder = {
        "name": resolved.encoder,
        "channels": source.channels,
        "size": resolved.size,
        "mean": list(source.mean),
        "std": list(source.std),
    }
    parents: dict[str, Any] = {}
    if init is not None:
        encoder, parents = parent_of(init, encoder)
    if teacher is not None:
        parents |= teacher_of(teacher, source.channels)
    run = Run(
        method={
            "name": request.method,
            "revision": resolved.method.revision,
            "arguments": resolved.arguments,
        },
        encoder=encoder,
        data={
            "name": source.name,
            "fingerprint": source.fingerprint,
            "images": len(images),
            "classes": len(source.classes),
            "open": opened,
        },
        recipe=to_json(resolved.recipe),
        view_size=resolved.view_size,
        optimizer=dataclasses.asdict(resolved.optimizer),
        batch_size=resolved.batch_size,
        steps=1,
        epochs=0.0,
        seed=request.seed,
        precision=engine.precision,
        parents=parents,
    )
    steps = number_of_steps(resolved, len(images), lambda: build(run, images, engine), show.note)
    run = dataclasses.replace(run, steps=steps, epochs=round(steps * resolved.batch_size / len(images), 2))
    return Prepared(run, about(engine, command, resolved), source, engine)


def start(
    prepared: Prepared, out: Path, show: Show, checkpoint_minutes: float = CHECKPOINT_MINUTES
) -> RunFolder:
    """Begins a prepared run in a new folder below ``out`` and trains it to the end.

    A checkpoint is written before the first step, so that a run that is killed at any moment can go on; where
    not even that step succeeds, no folder is left.

    Args:
        prepared: What is trained.
        out: Folder of all runs.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints: what a kill may cost.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after a checkpoint is written.
        TwofoldError: If the run exists, or its loss becomes infinite or no number.
    """
    run, source = prepared.run, prepared.source
    training = build(run, images_for(run.method["name"], source), prepared.engine)
    folder = RunFolder.create(out, run, prepared.about)
    with _alone_in(folder, show):
        try:
            with told_how_to_go_on(training, folder):
                _begin(training, folder, source)
                train(training, folder, source, show, checkpoint_minutes)
        except BaseException:
            if training.step == 0:
                shutil.rmtree(folder.path, ignore_errors=True)
            raise
    return folder


def resume(
    folder: RunFolder,
    source: Source,
    engine: Engine,
    show: Show,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
) -> None:
    """Goes on with a run from its last whole checkpoint, exactly.

    Args:
        folder: The run.
        source: The data it was trained on.
        engine: Where it is computed.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints: what a kill may cost.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after a checkpoint is written.
        TwofoldError: If the data has changed, another process trains in the folder, or the run has nothing to
            go on with.
    """
    run = folder.run
    if source.fingerprint != run.data.get("fingerprint"):
        raise TwofoldError(
            f"the data at {run.data['open']['data']} is not what {folder.path} was trained on "
            "(its contents have changed): start a new run instead"
        )
    with _alone_in(folder, show):
        training = _restored(folder, source, engine, show)
        recorded, now = folder.spec, environment(engine)
        for name in ("threads", "torch", "processor", "renderer"):
            was, is_ = recorded.get(name), now[name]
            if was != is_:
                show.note(f"{name} was {was} and is now {is_}: the resumed run is not bit-exact")
        folder.cut_log(training.step)
        with told_how_to_go_on(training, folder):
            train(training, folder, source, show, checkpoint_minutes)


def _alone_in(folder: RunFolder, show: Show) -> AbstractContextManager[None]:
    """No second training in the folder; of several processes that train together, the first sees to it."""
    return locked(folder.path, show.note) if rank() == 0 else nullcontext()


def _restored(folder: RunFolder, source: Source, engine: Engine, show: Show) -> Training:
    """The training as the folder has it; at step 0 where it was killed before its first checkpoint."""
    run = folder.run
    remove_leftovers(folder.path)
    done = (folder.path / "encoder.safetensors").is_file()
    begun = has_checkpoint(folder.path) or done or any(folder.log())
    state = newest_checkpoint(folder.path, show.note) if begun else None
    try:
        training = build(run, images_for(run.method["name"], source), engine)
        if state is not None:
            training.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TwofoldError(
            f"the checkpoint in {folder.path} does not fit its spec.json, or both are of another version of "
            f"twofold ({type(error).__name__}: {error})"
        ) from error
    if state is None:
        _begin(training, folder, source)
    if done and training.step >= training.total:
        raise TwofoldError(f"{folder.path} is finished: {training.total} of {training.total} steps are done")
    return training


def images_for(method: str, source: Source) -> Images:
    """What a method learns from: images without their labels, unless it declares that it learns from them."""
    learns_from_labels = registry.find("methods", method).learns_from_labels
    return labelled_images(source) if learns_from_labels else pretraining_images(source)


def build(run: Run, images: Images, engine: Engine) -> Training:
    """The training that a run describes, at step 0."""
    seed_everything(run.seed)
    method = registry.find("methods", run.method["name"])

    parent = initial_encoder(run) if "init" in run.parents else None

    def make_encoder(**changes: Any) -> Encoder:
        encoder = Encoder(**{**run.encoder, **changes})
        if parent is not None and not changes:
            encoder.load_state_dict(parent.state_dict())
        return encoder

    module: Method = method(make_encoder, **run.method["arguments"])
    recipe = from_json(run.recipe)
    module.views = recipe  # type: ignore[misc]
    if "teacher" in run.parents:
        module.learn_from(load_teacher(run.parents))
    views = ViewMaker(recipe, seed=run.seed, view_size=run.view_size, channels=run.encoder["channels"])
    ahead = 0 if engine.device.type == "cpu" else 2
    stream = Stream(images, views, run.batch_size, run.seed, method.learns_from_labels, ahead)
    module.setup(len(images), run.data["classes"], run.steps)
    module = engine.place(module)
    spec = OptimizerSpec(**run.optimizer)
    optimizer = make_optimizer(spec, module.param_groups())
    return Training(module, optimizer, spec, stream, engine, run.steps)


def train(
    training: Training, folder: RunFolder, source: Source, show: Show, checkpoint_minutes: float
) -> None:
    """Trains from where it stands; leaves checkpoints, log, encoder and parts in the folder.

    Args:
        training: What is trained.
        folder: Its run.
        source: The data.
        show: Where progress is shown.
        checkpoint_minutes: Between two checkpoints.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after the checkpoint is written.
    """
    pace = Pace(training.stream.batch_size)
    log = Log(folder.path / "log.jsonl", every=max(1, training.total // 200))
    judge = _online_knn(training, source)
    looks = {round(training.total * share / 5) for share in range(1, 6)}
    saved = time.monotonic()
    last_knn: dict[str, float] = {}

    with interrupts() as asked_to_stop:

        def watch(progress: Progress, step: Step, rate: float) -> None:
            nonlocal saved
            pace.tick()
            extra = {"knn": judge(training.method.encoder)} if judge and progress.step in looks else {}
            last_knn.update(extra)
            log.write(progress, step, rate, pace, extra)
            figures = {
                "loss": step.loss.item(),
                "std": spread(step),
                "images_per_second": pace.images_per_second,
                "seconds_left": pace.seconds_left(progress),
                **last_knn,
            }
            show.step(progress, figures)
            if asked_to_stop() or time.monotonic() - saved > 60 * checkpoint_minutes:
                _save(training, folder)
                saved = time.monotonic()
            if asked_to_stop() and progress.step < progress.total:
                raise Stopped(folder)

        fit(training, watch)
    _save(training, folder)
    save_parts(training.method.parts(), folder.path / "parts.safetensors")
    save_encoder(_whole(training.method.encoder), folder.path / "encoder.safetensors")  # now it is done


def _online_knn(training: Training, source: Source) -> OnlineKnn | None:
    labelled = source.splits.get("train")
    if labelled is None or labelled.labels is None or (labelled.labels >= 0).sum() < 100:
        return None
    encoder = training.method.encoder
    assert isinstance(encoder, Encoder)
    return OnlineKnn(labelled, encoder.spec["size"], training.engine)


def _begin(training: Training, folder: RunFolder, source: Source) -> None:
    """What is in the folder before the first step."""
    _picture(training, folder)
    if source.skipped:
        write_text(folder.path / "skipped.txt", "".join(f"{path}\t{why}\n" for path, why in source.skipped))
    _save(training, folder)


def _picture(training: Training, folder: RunFolder) -> None:
    stream = training.stream
    items = stream.order(0)[:8]
    images = stream.images.read(items)
    sheet = contact_sheet(images, stream.views(images, items, 0))
    sheet.save(folder.path / "views.png")


def _save(training: Training, folder: RunFolder) -> None:
    if not folder.path.is_dir():  # it is not made anew for a checkpoint
        raise TwofoldError(f"{folder.path} is gone: was it moved or removed meanwhile?")
    keep_checkpoint(folder.path, training.state_dict())


def _whole(encoder: torch.nn.Module) -> Encoder:
    assert isinstance(encoder, Encoder)
    return encoder
