"""From what the user asked for to a complete ``Run``: defaults, presets, then the user's words."""

import dataclasses
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twofold.core import registry
from twofold.core.errors import TwofoldError, UsageError, nearest
from twofold.core.method import Method
from twofold.core.recipe import Recipe
from twofold.core.source import Source
from twofold.nn.batch_parts import check_parts
from twofold.train import shares
from twofold.train.defaults import Defaults, choose, fitting_batch
from twofold.train.fitting_views import check_views
from twofold.train.optim import OptimizerName, OptimizerSpec
from twofold.views.asked import asked
from twofold.views.recipes import for_size

PRESET_BATCH = 256
"""Images a step for which a preset names its learning rate; it grows and shrinks with the batch."""

USUAL_RATES = {
    "sgd": 0.06,
    "nesterov": 0.06,
    "adam": 1e-3,
    "adamw": 1e-3,
    "lars": 0.3,
    "lars_out": 0.3,
    "larc": 0.3,
    "larc_clip": 0.3,
}
"""For batches of 256, where another optimiser than the preset's is asked for: its rate is not for that."""

_DIVISORS = {"temperature", "first_temperature", "teacher_temperature", "epsilon"}
_COUNTS = {"prototypes", "heads", "iterations", "bn_splits", "permutations"}
_SHARES = {"momentum", "last_momentum", "center_momentum", "label_smoothing", "shrink"}
"""Hyper-parameters of the methods that are not just 0 or more: above 0, 1 or more, from 0 to 1."""


@dataclass(frozen=True)
class Request:
    """A pre-training as the user words it; None means "choose for me".

    Args:
        method: Which pretext task (twofold list methods).
        arguments: Hyper-parameters of the method.
        preset: Named set of the method's and the training's settings; by default fit for the machine.
        encoder: Architecture (twofold list encoders).
        size: Side in pixels at which images are embedded.
        view_size: Side of a global training view in pixels.
        recipe: How views are made, instead of the method's own way: the name of a recipe, or in YAML a
            recipe with changes or a whole one (see views/asked.py).
        min_scale: Smallest area of a global view's crop, as a share of the image.
        epochs: Length of the training in passes over the data.
        minutes: Length of the training in minutes on this machine.
        batch_size: Images a step, over all processes.
        micro_batch: Views that go through the encoder at once, for batches that do not fit into memory; the
            gradient is that of the whole batch, for one more forward pass. Batch norm sees the parts.
        freeze: Parts whose weights stay as they were drawn: projector, or [projector, prototypes]. What is
            frozen still passes gradients on.
        optimizer: sgd, nesterov, adam, adamw, lars, lars_out, larc or larc_clip, instead of the method's
            own. For small batches and short runs try adamw before LARS.
        lr: Highest learning rate, as it is; a preset's own, and a usual one of an optimiser that is not the
            preset's, are scaled by the batch.
        weight_decay: Weight decay.
        warmup: Share of the steps over which the rate rises.
        seed: Of weights, order and views.
    """

    method: str = "simclr"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    preset: str | None = None
    encoder: str | None = None
    size: int | None = None
    view_size: int | None = None
    recipe: str | dict[str, Any] | None = None
    min_scale: float | None = None
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int | None = None
    micro_batch: int | None = None
    freeze: tuple[str, ...] | str | None = None
    optimizer: OptimizerName | None = None
    lr: float | None = None
    weight_decay: float | None = None
    warmup: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Resolved:
    """Everything but the number of steps, which may have to be measured."""

    method: type[Method]
    arguments: dict[str, Any]
    encoder: str
    size: int
    view_size: int
    recipe: Recipe
    optimizer: OptimizerSpec
    batch_size: int
    epochs: float | None
    minutes: float | None
    freeze: list[str]
    preset: str


def resolve(request: Request, source: Source, images: int, *, accelerator: bool) -> Resolved:
    """Fills in what was not asked for.

    Raises:
        UsageError: If the request contradicts itself or the data.
        TwofoldError: If there is but one image.
    """
    method = registry.find("methods", request.method)
    defaults = choose(source, accelerator=accelerator, size=request.size)
    chosen = _preset(method, request, defaults)
    preset = method.presets.get(chosen, {})
    usual = hyper_parameters(method)
    known = set(usual)

    def pick(name: str, default: Any) -> Any:
        asked = getattr(request, name)
        return asked if asked is not None else preset.get(name, default)

    for name in request.arguments:
        if name not in known:
            raise UsageError(f"{request.method} has no hyper-parameter '{name}'{nearest(name, known)}")
    arguments = {
        **usual,
        **{name: value for name, value in preset.items() if name in known},
        **request.arguments,
    }
    for name in method.later:
        if arguments[name] == usual[name]:
            del arguments[name]
    for name, value in request.arguments.items():
        if isinstance(value, int | float):
            _check_number(name, value)
    view_size = int(pick("view_size", defaults.view_size if chosen == "small" else defaults.size))
    largest = preset.get("batch_size", defaults.batch_size)
    if request.preset is None:
        largest = min(largest, defaults.batch_size)
    own_recipe = preset.get("recipe", method.views)
    if chosen != "cifar10":  # which names its blur itself
        own_recipe = for_size(own_recipe, view_size)
    batch_size = request.batch_size or shares.divisible(fitting_batch(images, largest))
    _check(request, batch_size, images)
    fitted = method.fit_to(arguments, images, batch_size)
    arguments |= {name: value for name, value in fitted.items() if name not in request.arguments}
    # what a method calls "momentum" is its own; the optimiser's stays as it is then
    settings: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(OptimizerSpec)}
    settings.update({name: value for name, value in preset.items() if name in settings.keys() - known})
    if "warmup_epochs" in preset:  # of a shorter training it is the share that the paper's has
        settings["warmup"] = preset["warmup_epochs"] / max(preset["epochs"], request.epochs or 0)
    own = settings["optimizer"]
    settings.update({n: getattr(request, n) for n in settings if getattr(request, n, None) is not None})
    optimizer = OptimizerSpec(**settings)
    rate = preset.get("lr") if optimizer.optimizer == own else USUAL_RATES[optimizer.optimizer]
    if request.lr is None and rate is not None:
        optimizer = dataclasses.replace(optimizer, lr=rate * batch_size / PRESET_BATCH)
    minutes, epochs = request.minutes, request.epochs
    if minutes is None and epochs is None and "epochs" in preset:
        epochs = preset["epochs"]
    elif minutes is None and epochs is None:
        minutes, epochs = defaults.minutes, defaults.epochs
    return Resolved(
        method=method,
        arguments=arguments,
        encoder=pick("encoder", defaults.encoder),
        size=defaults.size,
        view_size=view_size,
        recipe=_recipe(request, method, own_recipe, view_size),
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=epochs,
        minutes=minutes,
        freeze=sorted({request.freeze} if isinstance(request.freeze, str) else {*(request.freeze or ())}),
        preset=chosen,
    )


def hyper_parameters(method: type[Method]) -> dict[str, Any]:
    """The keyword-only arguments of the constructor and their defaults, the paper's."""
    parameters = inspect.signature(method.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _check_number(name: str, value: float) -> None:
    """One hyper-parameter by its name, which means the same in all methods that have it."""
    if name in _DIVISORS:
        fits, bounds = value > 0, "above 0"
    elif name in _COUNTS:
        fits, bounds = value >= 1, "1 or more"
    elif name in _SHARES:
        fits, bounds = 0 <= value <= 1, "from 0 to 1"
    else:
        fits, bounds = value >= 0, "0 or more"
    if not fits:
        raise UsageError(f"--{name.replace('_', '-')} must be {bounds}, not {value}")


def _preset(method: type[Method], request: Request, defaults: Defaults) -> str:
    """As asked; else of those for such a machine, as ``imagenet`` and ``imagenet_256``, by the batch."""
    asked, batch_size = request.preset, request.batch_size or defaults.batch_size
    if asked is not None and asked not in ("paper", *method.presets):
        known = ["paper", *method.presets]
        raise UsageError(f"{request.method} has no preset '{asked}' (it has: {', '.join(known)})")
    fitting = [each for each in method.presets if each.split("_")[0] == defaults.preset] or ["small"]
    sizes = {each: method.presets.get(each, {}).get("batch_size", PRESET_BATCH) for each in fitting}
    return asked or min(fitting, key=lambda each: abs(math.log(sizes[each] / max(1, batch_size))))


def _recipe(request: Request, method: type[Method], own: Recipe, view_size: int) -> Recipe:
    recipe = own if request.recipe is None else asked(request.recipe, view_size, own)
    check_views(request.method, method, own, recipe)
    min_scale = request.min_scale
    if min_scale is None:
        return recipe
    views = tuple(
        view
        if view.local
        else dataclasses.replace(
            view, crop=dataclasses.replace(view.crop, scale=(min_scale, view.crop.scale[1]))
        )
        for view in recipe.views
    )
    return dataclasses.replace(recipe, views=views)


def _check(request: Request, batch_size: int, images: int) -> None:
    if request.epochs is not None and request.minutes is not None:
        raise UsageError("give --epochs or --minutes, not both")
    for name in ("epochs", "minutes", "lr", "batch_size", "micro_batch", "size", "view_size"):
        value = getattr(request, name)
        if value is not None and value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} must be above 0, not {value}")
    for name, least, most in (
        ("warmup", 0, 1),
        ("min_scale", 0, 1),
        ("weight_decay", 0, math.inf),
        ("seed", 0, 2**63 - 1),
    ):
        value = getattr(request, name)
        if value is not None and not least <= value <= most:
            bounds = f"from {least} to {most}" if most < math.inf else f"{least} or more"
            raise UsageError(f"--{name.replace('_', '-')} must be {bounds}, not {value}")
    if images < 2:
        raise TwofoldError("there is one image to learn from: every method compares images with each other")
    if batch_size > images:
        raise UsageError(
            f"the batch of {batch_size} is larger than the {images} images to train on; "
            f"give --batch-size {max(2, images // 2)} or less"
        )
    if batch_size < 2:
        raise UsageError("a batch needs at least 2 images: every method compares images with each other")
    shares.check(batch_size)
    check_parts(batch_size, request.arguments.get("bn_splits") or 1)
