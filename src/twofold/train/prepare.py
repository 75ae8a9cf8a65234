"""From a request to a training that can begin: every choice made, everything built."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from twofold.core import dist, registry
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.core.run import Run
from twofold.core.source import Images, Source
from twofold.data.opening import range_text
from twofold.data.places import cache_root
from twofold.data.splits import labelled_images, pretraining_images
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine, seed_everything
from twofold.train.environment import about
from twofold.train.freeze import freeze
from twofold.train.length import number_of_steps
from twofold.train.loop import Training
from twofold.train.optim import OptimizerSpec, make_optimizer
from twofold.train.precision import faster
from twofold.train.resolve import Request, Resolved, resolve
from twofold.train.stream import Stream
from twofold.train.teacher import load_teacher, teacher_of
from twofold.train.warm_start import initial_encoder, parent_of
from twofold.train.watch import Show
from twofold.views.maker import ViewMaker
from twofold.views.plain import from_json, to_json


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

    Raises:
        UsageError: If the request contradicts itself, the data or what the training starts from.
    """
    images = images_for(request.method, source, request.arguments)
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
        _check_asked(request, encoder, init)
    if teacher is not None:
        told = resolved.method.told_labels(resolved.arguments)
        parents |= teacher_of(teacher, source.channels, source.classes if told else None)
    _check_sides(encoder, resolved, images)
    if engine.compiled and request.micro_batch:
        raise UsageError("--compile and --micro-batch do not go together: leave one of them away")
    if engine.to_measure:
        kept = cache_root() / "precision.json"
        engine = faster(engine, encoder, resolved.view_size, kept, show.note)
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
            "learned_from": learned_from(images, len(source.classes)),
            "images": len(images),
            "classes": len(source.classes),
            "open": {**opened, "value_range": range_text(source.value_range)},
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
        micro_batch=request.micro_batch,
        freeze=resolved.freeze,
    )
    steps = number_of_steps(resolved, len(images), lambda: build(run, images, engine), show.note)
    run = dataclasses.replace(run, steps=steps, epochs=round(steps * resolved.batch_size / len(images), 2))
    return Prepared(run, about(engine, command, resolved), source, engine)


def _check_asked(request: Request, encoder: dict[str, Any], init: str) -> None:
    """What a parent has is not to be had otherwise."""
    for flag, asked, has in (
        ("--encoder", request.encoder, encoder["name"]),
        ("--size", request.size, encoder["size"]),
    ):
        if asked not in (None, has):
            raise UsageError(f"{flag} {asked}: {init} has {has}; leave {flag} or --init away")


def _check_sides(encoder: dict[str, Any], resolved: Resolved, images: Images) -> None:
    """Refuses views that the encoder cannot take, before anything is measured or written."""
    with torch.random.fork_rng(devices=[]):
        network = Encoder(**encoder).eval()
    channels, first = encoder["channels"], np.zeros(1, int)
    views = ViewMaker(resolved.recipe, seed=0, view_size=resolved.view_size, channels=channels)
    for side in sorted({view.pixels.shape[-1] for view in views(images.read(first), first, 0).views}):
        try:
            with torch.no_grad():
                network(torch.zeros(1, channels, side, side))
        except (AssertionError, RuntimeError, ValueError):
            raise UsageError(
                f"{encoder['name']} takes no views of {side} pixels: give another --view-size, --recipe "
                "or --encoder"
            ) from None


def images_for(method: str, source: Source, arguments: Mapping[str, Any] | None = None) -> Images:
    """What a method learns from: images without their labels, unless it declares that it learns from them.

    Args:
        method: Its name.
        source: The data.
        arguments: Its hyper-parameters, as far as they are not at their defaults.
    """
    kind = registry.find("methods", method)
    if kind.learns_from_labels:
        return labelled_images(source)
    return pretraining_images(source, labels=kind.told_labels(arguments or {}))


def learned_from(images: Images, classes: int) -> str:
    """Hash of all that a training sees of its data: the images in their order, and their labels if any.

    The order counts, for it decides the batches, and what is drawn for an image is drawn for its place. Paths
    do not: a file that is renamed counts where it changes places with another. Nor do images that only judge.

    Args:
        images: What ``images_for`` gives.
        classes: How many there are; counts where there are labels.
    """
    total = hashlib.blake2b(np.ascontiguousarray(images.digests).data, digest_size=16)
    if images.labels is not None:
        total.update(np.append(images.labels, classes).astype("<i8").data)
    return total.hexdigest()


def build(run: Run, images: Images, engine: Engine, *, from_parent: bool = True) -> Training:
    """The training that a run describes, at step 0.

    Args:
        run: What is trained.
        images: What it is trained on.
        engine: Where it is computed.
        from_parent: Whether it takes the weights that the run starts from; what goes on has its own.
    """
    seed_everything(run.seed)
    method = registry.find("methods", run.method["name"])

    parent = initial_encoder(run) if from_parent and "init" in run.parents else None

    def make_encoder(**changes: Any) -> Encoder:
        encoder = Encoder(**{**run.encoder, **changes})
        if parent is not None and parent.spec.get("split") != encoder.spec.get("split"):
            raise UsageError(
                f"{run.method['name']} learns an encoder of another build than {run.parents['init']} has: "
                "leave --init away, or begin from a run of the same method"
            )
        if parent is not None:
            encoder.load_state_dict(parent.state_dict())
            encoder.begun = True
        return encoder

    module: Method = method(make_encoder, **run.method["arguments"])
    recipe = from_json(run.recipe)
    module.views = recipe  # type: ignore[misc]
    if "teacher" in run.parents:
        module.learn_from(load_teacher(run.parents))
    views = ViewMaker(recipe, seed=run.seed, view_size=run.view_size, channels=run.encoder["channels"])
    stream = Stream(
        images,
        views,
        run.batch_size,
        run.seed,
        method.told_labels(run.method["arguments"]),
        engine.ahead,
        part=dist.rank(),
        parts=dist.world_size(),
    )
    module.setup(len(images), run.data["classes"], run.steps)
    freeze(module, run.freeze)
    for part in module.modules():
        if isinstance(part, Encoder):
            part.at_once = run.micro_batch
    dist.equalise(module)
    module = engine.place(module)
    spec = OptimizerSpec(**run.optimizer)
    optimizer = make_optimizer(spec, module.param_groups())
    return Training(module, optimizer, spec, stream, engine, run.steps)
