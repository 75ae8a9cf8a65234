import numpy as np
import pytest
import torch

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Crop, Recipe, ViewSpec
from twofold.views.counter import Counter
from twofold.views.maker import ViewMaker
from twofold.views.ops.colour import Gray
from twofold.views.ops.noise import GaussianNoise
from twofold.views.ops.patches import Patches
from twofold.views.ops.permutations import permutation_set

ITEMS = np.arange(3000)


def places(operation, side, items=ITEMS):
    return operation.draw(Counter(0, 0, 0, items), side)["place"]


def test_doersch_s_patches_lie_anywhere_in_their_cells_of_85():
    place = places(Patches(), 255)
    inside = place - 85 * np.stack(np.divmod(np.arange(9), 3), axis=1)
    assert Patches().pixels(255).side == 64
    assert inside.min() == 0 and inside.max() == 21
    assert np.bincount(inside.ravel()) / inside.size == pytest.approx([1 / 22] * 22, rel=0.06)
    assert abs(np.corrcoef(place.reshape(len(place), -1).T) - np.eye(18)).max() < 0.08


@pytest.mark.parametrize(
    ("grid", "patch", "step", "view"), [(7, 64, 32, 256), (6, 80, 36, 260), (3, 75, 75, 225)]
)
def test_grids_without_jitter_are_those_of_the_papers(grid, patch, step, view):
    operation = Patches(grid, patch / view, (step - patch) / view, 0.0)
    expected = step * np.stack(np.divmod(np.arange(grid**2), grid), axis=1)
    assert (places(operation, view, ITEMS[:5]) == expected).all()


@pytest.mark.parametrize("side", range(3, 300, 7))
def test_rounding_never_leads_out_of_the_view(side):
    cpc, cpc_v2 = Patches(7, 60 / 256, -32 / 256, 4 / 256), Patches(6, 80 / 260, -44 / 260, 0.0)
    for operation in (Patches(), cpc, cpc_v2):
        place = places(operation, side, ITEMS[:50])
        assert place.min() >= 0 and place.max() + operation.pixels(side).side <= side


def test_a_grid_that_does_not_fit_is_refused():
    with pytest.raises(TwofoldError, match="do not fit"):
        Patches(grid=4, side=0.3, gap=0.0, jitter=0.0)


def view_of(*operations, seed=0, count=6, side=96):
    images = torch.randint(0, 256, (count, 120, 100, 3), dtype=torch.uint8, generator=torch.manual_seed(0))
    recipe = Recipe("patches", (ViewSpec(Crop(side=1.0), operations),))
    return ViewMaker(recipe, seed=seed, view_size=side, channels=3)(images, np.arange(count), 0).views[0]


def test_the_tag_says_which_permutation_was_applied():
    kept, shuffled = view_of(Patches()), view_of(Patches(permutations=1000))
    order = torch.from_numpy(permutation_set(9, 1000).copy())[shuffled.tag]
    for image in range(6):
        assert torch.equal(shuffled.pixels[image], kept.pixels[image, order[image]])
        assert torch.equal(shuffled.frame[image], kept.frame[image, order[image]])
    assert len(shuffled.tag.unique()) > 3


def test_among_all_permutations_the_tag_is_the_order():
    kept, shuffled = view_of(Patches()), view_of(Patches(permutations="all"))
    assert shuffled.tag.shape == (6, 9)
    for image in range(6):
        assert torch.equal(shuffled.pixels[image], kept.pixels[image, shuffled.tag[image]])


def test_operations_after_the_cut_draw_for_each_patch():
    view = view_of(Patches(), Gray(p=0.5), GaussianNoise((0.1, 0.1), p=0.5))
    grays = (view.pixels.amax(2) - view.pixels.amin(2)).flatten(2).amax(2) < 1e-6
    assert 0 < grays.float().mean() < 0.5
    assert (grays.any(1) & ~grays.all(1)).any()
    assert view.pixels.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_patches_have_their_own_draws_whatever_their_company():
    whole, one = Counter(1, 2, 3, ITEMS), Counter(1, 2, 3, ITEMS[7:8])
    inner = whole.patches(9).uniform("gray.apply").reshape(-1, 9)
    assert np.array_equal(inner[7], one.patches(9).uniform("gray.apply"))
    assert np.array_equal(inner[:, :4], whole.patches(4).uniform("gray.apply").reshape(-1, 4))
    assert abs(np.corrcoef(inner.T) - np.eye(9)).max() < 0.08
    assert abs(np.corrcoef(inner[:, 0], whole.uniform("gray.apply"))[0, 1]) < 0.08


@pytest.mark.parametrize(("length", "count"), [(9, 1000), (9, 100), (4, 24), (9, 2000), (1, 1), (2, 2)])
def test_permutations_are_unlike_each_other_and_always_the_same(length, count):
    permutations = permutation_set(length, count)
    assert permutations.shape == (count, length)
    assert (np.sort(permutations, axis=1) == np.arange(length)).all()
    assert len(np.unique(permutations, axis=0)) == count
    assert np.array_equal(permutation_set.__wrapped__(length, count), permutations)


def average_distance(permutations):
    pairs = (permutations[:, None] != permutations).sum(2)
    return pairs.sum() / (len(permutations) * (len(permutations) - 1))


def test_no_set_of_permutations_has_a_larger_average_distance():
    """At each place, n permutations coincide least where each of the 9 patches is there n / 9 times."""
    count = 999
    largest = 9 * (count - count / 9) / (count - 1)
    assert average_distance(permutation_set(9, count)) == pytest.approx(largest, abs=1e-9)
    random = np.random.default_rng(0).permuted(np.tile(np.arange(9), (count, 1)), axis=1)
    assert average_distance(random) < largest
    nearest = (permutation_set(9, count)[:, None] != permutation_set(9, count)).sum(2) + 9 * np.eye(count)
    assert nearest.min() >= 4


def test_more_permutations_than_there_are_cannot_be_had():
    with pytest.raises(TwofoldError, match="24 permutations"):
        permutation_set(4, 25)
