import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.counter import Counter
from twofold.views.maker import ViewMaker
from twofold.views.ops.affine import Rotate, Shear, Translate
from twofold.views.ops.blur import Blur
from twofold.views.ops.crop import PaddedCrop, Recrop
from twofold.views.ops.cutout import Cutout
from twofold.views.ops.flips import Flip, Turn, VerticalFlip
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.masks import RandomMask
from twofold.views.ops.patches import Patches
from twofold.views.ops.randaugment import KINDS, RandAugment
from twofold.views.parameters import draw
from twofold.views.pretext_recipes import CMC, CPC_V2, INFOMIN, JIGSAW, PIRL, ROTATION, can, ibot
from twofold.views.recipes import A, B, C, D, E, for_channels, multi_crop, one_branch
from views import reference

ITEMS = np.array([5, 0, 17, 3, 8, 100, 4, 2])
PLACES_ONLY = Recipe("places", (ViewSpec(Crop(), (Flip(),), count=2),))


def some_images(height=32, width=32, channels=3, count=8):
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (count, height, width, channels), dtype=np.uint8))


def mixed_images(channels=3):
    sizes = [(40, 50), (1, 30), (30, 1), (1, 1), (100, 70), (33, 33), (7, 90), (64, 65)]
    return [some_images(height, width, channels, 1)[0] for height, width in sizes]


def make(images, recipe=C, items=ITEMS, epoch=0, size=32, seed=0):
    maker = ViewMaker(recipe, seed=seed, view_size=size, channels=images[0].shape[-1])
    return maker(images, items, epoch)


def same(one, other):
    pairs = zip(one.views, other.views, strict=True)
    return all(torch.equal(a.pixels, b.pixels) and torch.equal(a.frame, b.frame) for a, b in pairs)


@pytest.mark.parametrize("recipe", [A, B, C, D, multi_crop(C)], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["one size", "mixed sizes"])
def test_views_are_what_the_recipe_says_pixel_by_pixel(recipe, channels, kind):
    images = some_images(24, 32, channels) if kind == "one size" else mixed_images(channels)
    size = 28
    batch = make(images, recipe, size=size)
    for position, spec in enumerate(for_channels(recipe, channels).expanded):
        view, side = batch.views[position], round(size * spec.crop.side)
        counter = Counter(0, 0, position, ITEMS)
        table = draw(spec, side, batch.size.numpy(), counter)
        expected = [reference.view(image.numpy(), table, row) for row, image in enumerate(images)]
        got = view.pixels.permute(0, 2, 3, 1).double().numpy()
        # A threshold may fall between float32 and float64: solarised values are allowed to differ rarely.
        wrong = abs(got - expected) > 0.1 / 255
        assert wrong.mean() < (1e-3 if recipe is D else 1e-9)


OTHERS = [E, CPC_V2, CMC, INFOMIN, JIGSAW, PIRL, ROTATION, can(patch=7), ibot(patch=7, local_count=1)]


@pytest.mark.parametrize("recipe", [*OTHERS, one_branch(Recrop(), Cutout())], ids=lambda recipe: recipe.name)
def test_patches_masks_and_splits_are_what_the_recipe_says_pixel_by_pixel(recipe):
    images, size, items = mixed_images()[:2] + mixed_images()[4:6], 28, ITEMS[:4]
    batch = make(images, recipe, items, size=size)
    for position, spec in enumerate(recipe.expanded):
        view, side = batch.views[position], round(size * spec.crop.side)
        counter = Counter(0, 0, position if spec.twin is None else spec.twin, items)
        table = draw(spec, side, batch.size.numpy(), counter)
        expected = np.stack([reference.view(image.numpy(), table, row) for row, image in enumerate(images)])
        got = view.pixels.movedim(-3, -1).double().numpy()
        assert got.shape == expected.shape
        assert (abs(got - expected) > 0.1 / 255).mean() < 2e-3


@pytest.mark.parametrize("recipe", [*OTHERS, C, D], ids=lambda recipe: recipe.name)
def test_tags_frames_and_views_do_not_depend_on_the_split_into_batches(recipe):
    images, items, rows = some_images(28, 28, count=8), np.arange(100, 108), [6, 1, 3]
    whole = make(images, recipe, items, size=28)
    part = make(images[rows], recipe, items[rows], size=28)
    for one, other in zip(whole.views, part.views, strict=True):
        assert torch.equal(one.frame[rows], other.frame)
        assert (one.tag is None) == (other.tag is None)
        assert one.tag is None or torch.equal(one.tag[rows], other.tag)
        assert ((one.pixels[rows] - other.pixels).abs() > 1e-5).float().mean() < 1e-3


@settings(max_examples=12)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(1, 70),
    channels=st.sampled_from([1, 3]),
)
def test_any_image_makes_views_of_the_asked_size_in_range(height, width, size, channels):
    batch = make(some_images(height, width, channels), D, size=size)
    for view in batch.views:
        assert view.pixels.shape == (len(ITEMS), channels, size, size)
        assert view.pixels.dtype == view.frame.dtype == torch.float32
        assert view.pixels.isfinite().all() and view.pixels.min() >= 0 and view.pixels.max() <= 1
        assert view.pixels.is_contiguous(memory_format=torch.channels_last)
    assert batch.item.tolist() == ITEMS.tolist()
    assert batch.size.tolist() == [[height, width]] * len(ITEMS)


def test_a_list_and_a_tensor_of_the_same_images_make_the_same_views():
    images = some_images()
    one, other = make(images), make(list(images))
    for a, b in zip(one.views, other.views, strict=True):
        torch.testing.assert_close(a.pixels, b.pixels, atol=0.1 / 255, rtol=0)
        assert torch.equal(a.frame, b.frame)


def test_made_again_every_bit_is_the_same():
    assert same(make(some_images()), make(some_images()))


@pytest.mark.parametrize("size", [32, 100])
def test_views_do_not_depend_on_the_split_into_batches(size):
    images, items, rows = some_images(size, size, count=40), np.arange(100, 140), [36, 1, 3]
    whole = make(images, D, items, size=size)
    part = make(images[rows], D, items[rows], size=size)
    for one, other in zip(whole.views, part.views, strict=True):
        assert torch.equal(one.frame[rows], other.frame)
        torch.testing.assert_close(one.pixels[rows], other.pixels, atol=1e-6, rtol=0)


def test_seeds_epochs_views_and_items_differ():
    images = some_images(count=1).repeat(len(ITEMS), 1, 1, 1)
    start = make(images)
    for other in (make(images, seed=1), make(images, epoch=1), make(images, items=ITEMS + 1)):
        assert not same(start, other)
    assert not torch.equal(start.views[0].frame, start.views[1].frame)
    assert len(start.views[0].frame.unique(dim=0)) == len(ITEMS)


def test_a_recipe_without_jitter_looks_at_the_same_places():
    with_, without = make(some_images()), make(some_images(), C.without(Jitter, Blur))
    for one, other in zip(with_.views, without.views, strict=True):
        assert torch.equal(one.frame, other.frame)


def test_locals_are_small_and_come_after_the_globals():
    batch = make(some_images(), multi_crop(C, local_count=3, local_side=0.5))
    assert [view.pixels.shape[-1] for view in batch.views] == [32, 32, 16, 16, 16]


@pytest.mark.parametrize(("height", "width", "size"), [(60, 64, 48), (200, 150, 96)])
def test_frames_say_where_each_pixel_of_a_view_comes_from(height, width, size):
    """The image's colours are its own coordinates, so a view shows where it was taken."""
    y, x = np.mgrid[:height, :width] + 0.5
    ramp = np.stack([x / width, y / height, 0 * x], axis=2)
    images = torch.from_numpy((255 * ramp).round().astype(np.uint8))[None].repeat(len(ITEMS), 1, 1, 1)
    batch = make(images, PLACES_ONLY, size=size)
    places = torch.arange(size) + 0.5
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    points = torch.stack([columns, rows, torch.ones_like(rows)])
    assert any((view.frame[:, 0, 0] < 0).any() for view in batch.views)
    for view in batch.views:
        told = torch.einsum("bij,jyx->biyx", view.frame, points)
        shown = view.pixels[:, :2] * torch.tensor([width, height])[:, None, None]
        # Half a grey level, and up to half a pixel at the border, where the image is cut.
        border = max(3, size // 8)
        inner = slice(border, -border)
        error = (told - shown)[..., inner, inner].abs().max()
        assert error < 0.5 * max(height, width) / 255 + 0.1


MOVES = [
    (Flip(), VerticalFlip(p=0.5)),
    (VerticalFlip(p=1.0), Flip(p=1.0)),
    (Turn(), Flip()),
    (Rotate(40.0),),
    (Shear(0.2, 0.2), Rotate(30.0)),
    (Translate(0.2, 0.2, p=0.5), Turn()),
    (Recrop(scale=(0.3, 0.6)), Rotate(20.0)),
    (PaddedCrop(0.15), Flip()),
    (Rotate(30.0), Patches(2, 0.4, 0.1, 0.1, permutations=24), Flip()),
    (Flip(), Patches(permutations="all"), Rotate(20.0), VerticalFlip()),
    (RandAugment(magnitude=3.0, share=1.0),),
]


@pytest.mark.parametrize("operations", MOVES, ids=lambda o: "-".join(type(each).__name__ for each in o))
def test_pasted_back_by_their_frames_views_are_the_image_again(operations):
    """Each pixel of a view is compared with the image at the place where its frame says it is from."""
    size = 64
    y, x = np.mgrid[:90, :110]
    smooth = np.stack([np.sin(x / 9), np.cos(y / 11), np.sin((x + y) / 13)], axis=2) / 2 + 0.5
    images = torch.from_numpy((255 * smooth).round().astype(np.uint8))[None].repeat(len(ITEMS), 1, 1, 1)
    if isinstance(operations[0], RandAugment):
        images, items = images[:1].repeat(400, 1, 1, 1), np.arange(400)
    else:
        items = ITEMS
    recipe = Recipe("moved", (ViewSpec(Crop(scale=(0.3, 0.6)), operations),))
    view = make(images, recipe, items, size=size).views[0]
    pixels, frame = view.pixels, view.frame
    if isinstance(operations[0], RandAugment):
        table = draw(recipe.views[0], size, np.tile([90, 110], (400, 1)), Counter(0, 0, 0, items))
        moved = (table.effects[0].values["kind"] >= KINDS.index("rotate")).all(1)
        assert moved.sum() > 10
        pixels, frame, images = pixels[moved], frame[moved], images[moved]
    if pixels.ndim == 5:
        images = images[:, None].expand(-1, pixels.shape[1], -1, -1, -1).flatten(0, 1)
        pixels, frame = pixels.flatten(0, 1), frame.flatten(0, 1)
    side = pixels.shape[-1]
    centres = torch.arange(side) + 0.5
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    places = torch.stack([columns, rows, torch.ones_like(rows)], -1) @ frame[:, None].mT
    grid = 2 * places / torch.tensor([110, 90]) - 1
    colours = images.permute(0, 3, 1, 2).float() / 255
    pasted = torch.nn.functional.grid_sample(colours, grid, padding_mode="border", align_corners=False)
    # Where a view was moved, its mean colour came in from outside: most of its pixels are compared.
    error = (pasted - pixels).abs().amax(1).flatten(1)
    inside = error < 0.06
    assert inside.float().mean() > 0.7 and error[inside].mean() < 0.01
    assert (inside.float().mean(1) > 0.3).float().mean() > 0.95


def test_twins_look_at_the_same_place_and_share_what_both_draw():
    recipe = Recipe(
        "twins",
        (
            ViewSpec(Crop(), (Flip(), Jitter(0.8, 0.8, 0.8, 0.2))),
            ViewSpec(Crop(), (Flip(), Jitter(0.8, 0.8, 0.8, 0.2), Turn((1,))), twin=0),
            ViewSpec(Crop(), (Flip(), Jitter(0.8, 0.8, 0.8, 0.2))),
        ),
    )
    first, twin, other = make(some_images(), recipe).views
    assert torch.equal(torch.rot90(first.pixels, 1, (2, 3)), twin.pixels)
    assert not torch.equal(first.frame, other.frame)


@pytest.mark.parametrize("twin", [1, 2, -1])
def test_a_twin_of_a_view_that_does_not_come_before_it_is_refused(twin):
    with pytest.raises(TwofoldError, match="twin"):
        make(some_images(), Recipe("wrong", (ViewSpec(), ViewSpec(twin=twin))))


def test_two_tags_are_refused():
    with pytest.raises(TwofoldError, match="one tag"):
        make(some_images(), Recipe("tags", (ViewSpec(operations=(Turn(), RandomMask(patch=8))),)))


def test_global_random_state_is_left_alone():
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    make(some_images())
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_views_can_be_trained_on():
    view = make(some_images()).views[0]
    assert not view.pixels.is_inference() and not view.pixels.requires_grad
    weight = torch.ones(1, requires_grad=True)
    (view.pixels * weight).mean().backward()
    assert weight.grad is not None


def test_mixed_precision_around_the_maker_changes_nothing():
    outside = make(some_images())
    with torch.autocast("cpu", torch.bfloat16):
        inside = make(some_images())
    assert same(outside, inside)


def test_two_threads_make_what_one_makes():
    images = some_images()
    maker = ViewMaker(C, seed=0, view_size=32, channels=3)
    alone = [maker(images, ITEMS, epoch) for epoch in range(6)]
    together = {}

    def work(epoch):
        together[epoch] = maker(images, ITEMS, epoch)

    threads = [threading.Thread(target=work, args=(epoch,)) for epoch in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for epoch, batch in enumerate(alone):
        for one, other in zip(batch.views, together[epoch].views, strict=True):
            torch.testing.assert_close(one.pixels, other.pixels, atol=1e-6, rtol=0)


def test_images_of_two_channels_are_refused():
    with pytest.raises(TwofoldError, match="not 2"):
        ViewMaker(C, seed=0, view_size=32, channels=2)
