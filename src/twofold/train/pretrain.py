"""Pre-training from a request to a finished run folder, and resuming one."""

import dataclasses
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from twofold.core import registry
from twofold.core.batch import Progress, Step
from twofold.core.errors import TwofoldError
from twofold.core.method import Method
from twofold.core.run import Run, RunFolder
from twofold.core.source import Images, Source
from twofold.data.splits import labelled_images, pretraining_images
from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder, save_parts
from twofold.train.checkpoint import load_checkpoint, save_checkpoint
from twofold.train.engine import Engine, seed_everything
from twofold.train.environment import about, environment
from twofold.train.interrupts import interrupts
from twofold.train.length import number_of_steps
from twofold.train.loop import Training, fit
from twofold.train.optim import OptimizerSpec, make_optimizer
from twofold.train.resolve import Request, resolve
from twofold.train.stream import Stream
from twofold.train.teacher import load_teacher, teacher_of
from twofold.train.trackers import Name
from twofold.train.warm_start import initial_encoder, parent_of
from twofold.train.watch import Show, Watcher
from twofold.views.maker import ViewMaker
from twofold.views.plain import from_json, to_json
from twofold.views.sheet import contact_sheet


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


def start(prepared: Prepared, out: Path, show: Show, track: Name | None = None) -> RunFolder:
    """Begins a prepared run in a new folder below ``out`` and trains it to the end.

    A checkpoint is written before the first step, so that a run that is killed at any moment can go on; where
    not even that step succeeds, no folder is left.
    """
    run, source = prepared.run, prepared.source
    training = build(run, images_for(run.method["name"], source), prepared.engine)
    folder = RunFolder.create(out, run, prepared.about)
    try:
        _picture(training, folder)
        if source.skipped:
            listed = "".join(f"{path}\t{reason}\n" for path, reason in source.skipped)
            (folder.path / "skipped.txt").write_text(listed, encoding="utf-8")
        _save(training, folder)
        train(training, folder, source, show, track)
    except BaseException:
        if training.step == 0:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return folder


def resume(folder: RunFolder, source: Source, engine: Engine, show: Show, track: Name | None = None) -> None:
    """Goes on with a run from its last checkpoint, exactly.

    Raises:
        TwofoldError: If the data has changed, or the run has nothing to go on with.
    """
    run = folder.run
    if source.fingerprint != run.data["fingerprint"]:
        raise TwofoldError(
            f"the data at {run.data['open']['data']} is not what {folder.path} was trained on "
            "(its contents have changed): start a new run instead"
        )
    recorded = folder.spec
    training = build(run, images_for(run.method["name"], source), engine)
    training.load_state_dict(load_checkpoint(folder.path / "last.ckpt"))
    if training.step >= training.total:
        raise TwofoldError(f"{folder.path} is finished: {training.total} of {training.total} steps are done")
    now = environment(engine)
    for name in ("threads", "torch", "processor", "renderer"):
        was, is_ = recorded.get(name), now[name]
        if was != is_:
            show.note(f"{name} was {was} and is now {is_}: the resumed run is not bit-exact")
    folder.cut_log(training.step)
    train(training, folder, source, show, track)


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
    training: Training, folder: RunFolder, source: Source, show: Show, track: Name | None = None
) -> None:
    """Trains from where it stands; leaves checkpoint, log, encoder and parts in the folder.

    Raises:
        Stopped: On Ctrl-C or SIGTERM, after the checkpoint is written.
    """
    saved = time.monotonic()

    with interrupts() as asked_to_stop, Watcher(training, folder, source, show, track) as watcher:

        def watch(progress: Progress, step: Step, rate: float) -> None:
            nonlocal saved
            watcher(progress, step, rate)
            if asked_to_stop() or time.monotonic() - saved > 300:
                _save(training, folder)
                saved = time.monotonic()
            if asked_to_stop() and progress.step < progress.total:
                raise Stopped(folder)

        fit(training, watch)
    _save(training, folder)
    save_encoder(_whole(training.method.encoder), folder.path / "encoder.safetensors")
    save_parts(training.method.parts(), folder.path / "parts.safetensors")


def _picture(training: Training, folder: RunFolder) -> None:
    stream = training.stream
    items = stream.order(0)[:8]
    images = stream.images.read(items)
    sheet = contact_sheet(images, stream.views(images, items, 0))
    sheet.save(folder.path / "views.png")


def _save(training: Training, folder: RunFolder) -> None:
    save_checkpoint(folder.path / "last.ckpt", training.state_dict())


def _whole(encoder: torch.nn.Module) -> Encoder:
    assert isinstance(encoder, Encoder)
    return encoder
