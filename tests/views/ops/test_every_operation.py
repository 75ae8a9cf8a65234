"""What holds for every operation of views/ops: it is what its slow twin is, and has its own draws."""

import dataclasses

import numpy as np
import pytest
import torch

from twofold.core.recipe import Crop, Operation, Recipe, ViewSpec
from twofold.views.counter import Counter
from twofold.views.maker import ViewMaker
from twofold.views.ops.affine import Rotate, Shear, Translate
from twofold.views.ops.blur import Blur
from twofold.views.ops.channels import Channels
from twofold.views.ops.colour import Gray
from twofold.views.ops.jitter import AdditiveJitter, Jitter
from twofold.views.ops.patches import Patches
from twofold.views.ops.randaugment import RandAugment
from twofold.views.ops.spaces import ColourSpace
from twofold.views.parameters import draw
from twofold.views.plain import operations
from twofold.views.recipes import for_channels
from views import reference_ops

SIDE, COUNT = 16, 12
ITEMS = np.arange(100, 100 + COUNT)
NEEDED = {"Jitter": (0.8, 0.8, 0.8, 0.2), "AdditiveJitter": (0.8, 0.8, 0.8, 0.2), "Channels": ((2, 0),)}
THRESHOLDS = {"Posterize", "Equalize", "Solarize", "RandAugment", "AutoAugment"}


def of(name, **changes):
    return dataclasses.replace(operations()[name](*NEEDED.get(name, ())), **changes)


EVERY = [
    *(of(name) for name in sorted(operations())),
    *(ColourSpace(space) for space in ("hsv", "ycbcr", "ydbdr", "yiq", "yuv")),
    of("AutoAugment", policy="cifar10"),
    Rotate(90.0, "bicubic"),
    Shear(0.2, 0.3, "bicubic"),
    Translate(interpolation="bicubic"),
    Patches(grid=4, side=5 / 16, gap=-2 / 16, jitter=2 / 16, permutations=24),
    Patches(grid=2, side=0.4, gap=0.1, jitter=0.05, permutations="all"),
]


def some_images(seed=0):
    """Colours in [0, 1], on whole levels; some flat, some gray, some with few levels."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (COUNT, SIDE, SIDE, 3)) / 255
    images[1] = 0.4
    images[2] = images[2, :, :, :1]
    images[3] = np.rint(images[3])
    smooth = np.mgrid[:SIDE, :SIDE].transpose(1, 2, 0).sum(2) / (2 * SIDE)
    images[4] = smooth[:, :, None] * [0.2, 1.0, 0.6]
    images[5, :, :8] = 0
    return images


def drawn_for(operation, items=ITEMS, seed=0):
    return operation.draw(Counter(seed, 0, 0, items), SIDE)


def applied(operation, images, values, dtype):
    tensors = {
        name: torch.from_numpy(value).to(dtype) if value.dtype == np.float64 else torch.from_numpy(value)
        for name, value in values.items()
    }
    changed = operation.apply(torch.from_numpy(images).permute(0, 3, 1, 2).to(dtype), **tensors)
    return changed.movedim(-3, -1).double().numpy()


def by_twin(operation, images, values):
    twin = reference_ops.TWINS[type(operation).__name__]
    rows = ({name: value[row] for name, value in values.items()} for row in range(len(images)))
    return np.stack([twin(operation, image, row) for image, row in zip(images, rows, strict=True)])


@pytest.mark.parametrize("operation", EVERY, ids=str)
def test_it_does_what_its_slow_twin_does(operation):
    assert isinstance(operation, Operation)
    images, values = some_images(), drawn_for(operation)
    expected = by_twin(operation, images, values)
    exact = applied(operation, images, values, torch.float64)
    # Published weights of colour differences are rounded to three digits; noise is made in float32.
    loose = {"ColourSpace": 2e-3, "GaussianNoise": 1e-6}.get(type(operation).__name__, 1e-9)
    wrong = abs(exact - expected) > loose
    assert wrong.mean() <= (1e-4 if type(operation).__name__ in THRESHOLDS else 0)
    difference = 255 * abs(applied(operation, images, values, torch.float32) - exact)
    if type(operation).__name__ in THRESHOLDS:
        assert (difference > 1).mean() <= 1e-4
    else:
        assert difference.mean() <= 0.01 and difference.max() <= 1


@pytest.mark.parametrize("operation", EVERY, ids=str)
def test_colours_stay_in_range_and_the_input_stays_as_it_was(operation):
    images, values = some_images(), drawn_for(operation)
    before = images.copy()
    changed = applied(operation, images, values, torch.float32)
    assert np.array_equal(images, before)
    if getattr(operation, "clip", True):
        assert changed.min() >= 0 and changed.max() <= 1


@pytest.mark.parametrize("operation", EVERY, ids=str)
def test_its_draws_do_not_depend_on_the_company_and_differ_between_items_and_seeds(operation):
    whole, part = drawn_for(operation), drawn_for(operation, ITEMS[[7, 2]])
    for name, values in whole.items():
        assert np.array_equal(values[[7, 2]], part[name])
    other = drawn_for(operation, seed=1)
    random = {name for name in whole if name != "move" and len(np.unique(whole[name], axis=0)) > 1}
    for name in random:
        assert not np.array_equal(whole[name], other[name])


@pytest.mark.parametrize("name", sorted(operations()))
def test_beside_others_it_changes_no_draw_of_theirs(name):
    kept = tuple(o for o in (of("Jitter"), Gray(), Blur()) if type(o).__name__ != name)
    sizes = np.full((COUNT, 2), 40)

    def table(*operations):
        return draw(ViewSpec(operations=operations), SIDE, sizes, Counter(0, 0, 0, ITEMS))

    alone, beside = table(*kept), table(*kept, of(name))
    assert np.array_equal(alone.boxes, beside.boxes)
    for one, other in zip(alone.effects, beside.effects, strict=False):
        assert np.array_equal(one.chosen, other.chosen)
        assert all(np.array_equal(one.values[key], other.values[key]) for key in one.values)


@pytest.mark.parametrize("name", sorted(operations()))
def test_on_gray_images_it_works_or_drops_out(name):
    recipe = Recipe("one", (ViewSpec(Crop(), (of(name),)),))
    images = torch.randint(0, 256, (4, 20, 24, 1), dtype=torch.uint8)
    if name == "Channels":
        with pytest.raises(Exception, match="no channels to split"):
            for_channels(recipe, 1)
        return
    view = ViewMaker(recipe, seed=0, view_size=SIDE, channels=1)(images, np.arange(4), 0).views[0]
    assert view.pixels.isfinite().all() and view.pixels.shape[-3] in (1, 2)


def test_colour_operations_leave_nothing_on_gray_images():
    colours = (Gray(), ColourSpace(), of("ChannelDrop"))
    recipe = Recipe("colours", (ViewSpec(Crop(), (*colours, AdditiveJitter(0.4, 0.4, 0.4, 0.1))),))
    (left,) = for_channels(recipe, 1).views[0].operations
    assert left == AdditiveJitter(0.4, 0.4, 0.0, 0.0)
    assert for_channels(recipe, 3) == recipe


def test_names_of_operations_are_their_own():
    assert len({of(name) for name in operations()}) == len(operations()) >= 28
    assert {Jitter, Channels, RandAugment} <= set(operations().values())
