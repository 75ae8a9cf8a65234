"""Tiny methods and batches, small enough to train in a test."""

import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from twofold.core import dist, registry
from twofold.core.batch import Batch, Progress, Step, View
from twofold.core.method import Method
from twofold.core.recipe import Recipe, ViewSpec
from twofold.nn.class_network import ClassNetwork, new_head
from twofold.nn.encoder import Encoder
from twofold.views.counter import Counter
from twofold.views.ops.patches import Patches

SIDE = 16
COUNT = 16
START = 1000

SHARED = 24
"""Images of a batch that two or three processes share."""

GROUPS = 6
"""Of a method's own batch norm for each device: 2 or 3 processes have the same number of them."""

SMALLER = {"w_mse": {"dim": 4, "sub_batch": 8}}
"""What even a small preset has too large for batches of ``COUNT``."""


def make_encoder(**changes: Any) -> Encoder:
    return Encoder("resnet18_w4", **{"size": SIDE, **changes})


def make_method(
    name: str, dtype: torch.dtype = torch.float32, *, recipe: Recipe | None = None, **changes: Any
) -> Method:
    """The method with its small preset, a tiny encoder and the same weights every time."""
    torch.manual_seed(0)
    cls = registry.find("methods", name)
    own = inspect.signature(cls).parameters
    small = {key: value for key, value in cls.presets.get("small", {}).items() if key in own}
    method: Method = cls(make_encoder, **{**small, **SMALLER.get(name, {}), **changes})
    if recipe is not None:
        method.views = recipe
    if name == "distillation":
        method.learn_from(make_teacher())
    method.setup(items=4 * COUNT, classes=3, steps=2 * START)
    return method.to(dtype)


def make_teacher() -> ClassNetwork:
    """An untrained classifier of three classes that is rather sure of what it says."""
    encoder = make_encoder().eval()
    head = new_head("linear", encoder.width, 3)
    with torch.no_grad():
        h = encoder(torch.rand(64, 3, SIDE, SIDE))
        head[0].load_state_dict({"mean": h.mean(dim=0), "scale": h.std(dim=0) + 1e-3})
        head[1].weight.mul_(2)
    return ClassNetwork(encoder, head, ("a", "b", "c"))


def progress(step: int) -> Progress:
    """The middle of a training, where nothing is frozen or waits any more."""
    return Progress(START + step, 2 * START, 20 + step, 40)


def make_batch(
    method: Method, seed: int = 0, dtype: torch.dtype = torch.float32, count: int = COUNT
) -> Batch:
    """Crops, some mirrored, of smooth random images with a little noise."""
    random = torch.Generator().manual_seed(seed)
    images = F.interpolate(torch.rand(count, 3, 4, 4, generator=random), size=(24, 32), mode="bilinear")
    views = tuple(_view(images, spec, random, dtype) for spec in method.views.expanded)
    size = torch.tensor([24, 32]).expand(count, 2)
    return Batch(views, torch.arange(count), size, _labels(method, count))


def _labels(method: Method, count: int) -> dict[str, Tensor]:
    """Of all images; of two in five where the method takes images without one, too."""
    if method.learns_from_labels:
        return {"label": torch.arange(count) % 3}
    told = method.told_labels(vars(method))
    return {"label": (torch.arange(count) % 5 - 2).clamp(min=-1)} if told else {}


def own_part(batch: Batch) -> Batch:
    """What this process sees of the batch."""
    own = dist.rows(len(batch.item) // dist.world_size())
    views = tuple(
        View(v.pixels[own], v.frame[own], None if v.tag is None else v.tag[own]) for v in batch.views
    )
    targets = {name: values[own] for name, values in batch.targets.items()}
    return Batch(views, batch.item[own], batch.size[own], targets)


def make_optimizer(method: Method) -> torch.optim.Optimizer:
    return torch.optim.SGD(method.param_groups(), lr=0.05, momentum=0.9)


def take_step(method: Method, optimizer: torch.optim.Optimizer, batch: Batch, step: int) -> Tensor:
    """One turn of the training loop, in the middle of a training."""
    return turn(method, optimizer, batch, progress(step)).loss.detach()


def turn(method: Method, optimizer: torch.optim.Optimizer, batch: Batch, now: Progress) -> Step:
    """One turn of the training loop."""
    optimizer.zero_grad()
    step = method(batch, now)
    step.loss.backward()
    dist.average_gradients(method.parameters())
    method.before_step(now)
    optimizer.step()
    method.after_step(now)
    return step


def train(
    name: str, changes: dict[str, Any] | None = None, steps: int = 3, recipe: Recipe | None = None
) -> dict[str, Tensor]:
    """State, last gradients and mean loss after some steps in float64; all processes share the batches."""
    method = make_method(name, torch.float64, recipe=recipe, **{**per_device(name), **(changes or {})})
    optimizer = make_optimizer(method)
    for step in range(steps):
        batch = own_part(make_batch(method, step, torch.float64, SHARED))
        loss = take_step(method, optimizer, batch, step)
    gradients = {f"{key}.grad": p.grad for key, p in method.named_parameters() if p.grad is not None}
    return {**method.state_dict(), **gradients, "loss": dist.gather(loss[None]).mean()}


def per_device(name: str) -> dict[str, Any]:
    """What makes one process emulate the batch norms of several devices, where the method has these."""
    own = inspect.signature(registry.find("methods", name)).parameters
    return {"bn_splits": GROUPS} if "bn_splits" in own else {}


def assert_equal_training(parts: list[dict[str, Tensor]], whole: dict[str, Tensor]) -> None:
    """All processes hold the same to the bit, and what one process with the whole batch holds."""
    for part in parts:
        assert part.keys() == whole.keys()
        for key, value in whole.items():
            assert torch.equal(part[key], parts[0][key]), f"differs between processes: {key}"
            assert torch.allclose(part[key].double(), value.double(), rtol=1e-7, atol=1e-10), key


def _view(images: Tensor, spec: ViewSpec, random: torch.Generator, dtype: torch.dtype) -> View:
    count, _, height, width = images.shape
    side = round(SIDE * spec.crop.side)
    low, high = spec.crop.scale
    share = (low + (high - low) * torch.rand(count, generator=random)).sqrt()
    crop = torch.stack([share * width, share * height], dim=1)
    corner = torch.rand(count, 2, generator=random) * (torch.tensor([width, height]) - crop)
    mirrored = torch.rand(count, generator=random) < 0.5
    frame = torch.zeros(count, 2, 3)
    frame[:, 0, 0] = crop[:, 0] / side * torch.where(mirrored, -1, 1)
    frame[:, 1, 1] = crop[:, 1] / side
    frame[:, 0, 2] = corner[:, 0] + torch.where(mirrored, crop[:, 0], 0)
    frame[:, 1, 2] = corner[:, 1]
    to_unit = torch.tensor([[2 / width, 0], [0, 2 / height]])
    middles = torch.arange(side) + 0.5
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ frame[:, None].mT
    pixels = F.grid_sample(images, places @ to_unit - 1, align_corners=False)
    noisy = pixels + 0.05 * torch.rand(pixels.shape, generator=random)
    view = View(noisy.clamp(0, 1).to(dtype), frame)
    cut = [operation for operation in spec.operations if isinstance(operation, Patches)]
    return _in_patches(view, cut[0], side) if cut else view


def _in_patches(view: View, cut: Patches, side: int) -> View:
    count = len(view.pixels)
    drawn = {k: torch.from_numpy(v) for k, v in cut.draw(Counter(0, 0, 0, np.arange(count)), side).items()}
    frame = view.frame[:, None].repeat(1, cut.count, 1, 1)
    moved = drawn["move"][..., 2].float()
    frame[..., 2] += (view.frame[:, None, :, :2] @ moved[..., None]).squeeze(-1)
    return View(cut.apply(view.pixels, **drawn), frame, drawn.get("tag"))
