import numpy as np
import pytest

from twofold.core.errors import TwofoldError
from twofold.core.recipe import ViewSpec
from twofold.views.counter import Counter
from twofold.views.ops.masks import BlockMask, RandomMask
from twofold.views.parameters import draw

ITEMS = np.arange(400)


def masks(operation, side=224, items=ITEMS):
    return operation.draw(Counter(3, 0, 0, items), side)["tag"]


def slow_block_mask(counter, grid, ratio, aspect):
    """One image: rectangle after rectangle, as the paper's code."""
    wanted = int((ratio[0] + (ratio[1] - ratio[0]) * counter.uniform("blockmask.ratio")[0]) * grid**2 + 1e-9)
    mask, failures, attempt = np.zeros((grid, grid), dtype=bool), 0, 0
    while mask.sum() < wanted and failures < 10:
        missing = wanted - int(mask.sum())
        area = counter.between((grid // 3) ** 2, missing, "blockmask.area", attempt)[0]
        shape = np.exp(counter.between(np.log(aspect[0]), np.log(aspect[1]), "blockmask.aspect", attempt)[0])
        tall, wide = round((area * shape) ** 0.5), round((area / shape) ** 0.5)
        failures += 1
        if tall < grid and wide < grid:
            top = int((grid - tall + 1) * counter.uniform("blockmask.top", attempt)[0])
            left = int((grid - wide + 1) * counter.uniform("blockmask.left", attempt)[0])
            after = mask.copy()
            after[top : top + tall, left : left + wide] = True
            if 0 < after.sum() - mask.sum() <= missing:
                mask, failures = after, 0
        attempt += 1
    return mask


@pytest.mark.parametrize("side", [224, 96])
def test_block_masks_are_those_of_a_loop_over_rectangles(side):
    operation = BlockMask()
    got = masks(operation, side, ITEMS[:100])
    for item in range(100):
        counter = Counter(3, 0, 0, ITEMS[item : item + 1])
        expected = slow_block_mask(counter, side // 16, operation.ratio, operation.aspect)
        assert np.array_equal(got[item], expected)


def test_block_masks_hold_their_share_in_few_large_pieces():
    shares = masks(BlockMask()).mean((1, 2))
    assert shares.max() <= 0.5
    assert shares.mean() == pytest.approx(0.3, abs=0.03)
    block, scattered = masks(BlockMask((0.4, 0.4))), masks(RandomMask((0.4, 0.4)))
    borders = [np.abs(np.diff(m.astype(int), axis=1)).sum() for m in (block, scattered)]
    assert borders[0] < borders[1] / 2


def test_random_masks_hide_exactly_their_share_and_every_patch_equally_often():
    got = masks(RandomMask((0.5, 0.5)), items=np.arange(4000))
    assert (got.sum((1, 2)) == 98).all()
    assert got.mean(0) == pytest.approx(np.full((14, 14), 0.5), abs=0.04)
    shares = masks(RandomMask((0.1, 0.5))).mean((1, 2))
    assert 0.09 <= shares.min() < 0.12 and 0.48 < shares.max() <= 0.5


def test_images_that_are_not_chosen_have_nothing_masked():
    view = ViewSpec(operations=(BlockMask(p=0.5),))
    tag = draw(view, 224, np.full((400, 2), 300), Counter(0, 0, 0, ITEMS)).tag()
    assert tag.dtype.is_floating_point is False and tag.dtype.itemsize == 1
    assert (tag.flatten(1).sum(1) == 0).float().mean() == pytest.approx(0.5, abs=0.08)


def test_a_view_that_does_not_divide_into_patches_is_refused():
    with pytest.raises(TwofoldError, match="100 pixels"):
        masks(RandomMask(), side=100)
