import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Crop, ViewSpec
from twofold.views.counter import Counter
from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.crop import random_boxes
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import Jitter
from twofold.views.ops.solarize import Solarize
from twofold.views.parameters import draw

MANY = np.arange(20_000)
FULL = ViewSpec(Crop(), (Flip(), Jitter(0.8, 0.4, 1.5, 0.2), Gray(), Blur(), Solarize()))


def boxes_of(crop, height, width, items=MANY):
    sizes = np.tile([height, width], (len(items), 1))
    return random_boxes(crop, sizes, Counter(0, 0, 0, items))


def table_of(view, items=MANY, seed=0):
    return draw(view, 32, np.tile([40, 60], (len(items), 1)), Counter(seed, 0, 0, items))


def slow_box(crop, height, width, counter):
    """The crop of one image, one attempt after another."""
    for attempt in range(10):
        area = height * width * counter.between(*crop.scale, "crop.area", attempt)[0]
        low, high = np.log(crop.ratio)
        ratio = np.exp(counter.between(low, high, "crop.ratio", attempt)[0])
        wide, tall = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < wide <= width and 0 < tall <= height:
            top = int(counter.uniform("crop.top", attempt)[0] * (height - tall + 1))
            left = int(counter.uniform("crop.left", attempt)[0] * (width - wide + 1))
            return [top, left, tall, wide]
    tall, wide = height, width
    if width / height < crop.ratio[0]:
        tall = max(1, round(width / crop.ratio[0]))
    elif width / height > crop.ratio[1]:
        wide = max(1, round(height * crop.ratio[1]))
    return [(height - tall) // 2, (width - wide) // 2, tall, wide]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=8),
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    seed=st.integers(0, 99),
)
def test_each_image_gets_the_crop_that_a_loop_over_attempts_gives(sizes, scale, seed):
    crop, items = Crop(scale=tuple(scale)), np.arange(len(sizes))
    boxes = random_boxes(crop, np.array(sizes), Counter(seed, 0, 0, items))
    for item, (height, width) in enumerate(sizes):
        alone = Counter(seed, 0, 0, items[item : item + 1])
        assert boxes[item].tolist() == slow_box(crop, height, width, alone)


@given(height=st.integers(1, 5000), width=st.integers(1, 5000), low=st.floats(0.001, 1))
def test_crops_lie_inside_the_image_and_are_never_empty(height, width, low):
    top, left, tall, wide = boxes_of(Crop(scale=(low, 1.0)), height, width, MANY[:50]).T
    assert (top >= 0).all() and (left >= 0).all() and (tall >= 1).all() and (wide >= 1).all()
    assert (top + tall <= height).all() and (left + wide <= width).all()


def test_area_is_uniform_and_aspect_log_uniform_where_every_crop_fits():
    _, _, tall, wide = boxes_of(Crop(scale=(0.1, 0.5)), 2000, 2000).T
    area, aspect = tall * wide / 2000**2, np.log(wide / tall) / np.log(4 / 3)
    quarters = [0.25, 0.5, 0.75]
    assert area.min() >= 0.099 and area.max() <= 0.501
    assert np.quantile(area, quarters) == pytest.approx([0.2, 0.3, 0.4], abs=0.01)
    assert np.quantile(aspect, quarters) == pytest.approx([-0.5, 0, 0.5], abs=0.03)
    assert abs(aspect).max() <= 1.01


def test_every_place_is_equally_likely():
    top, left, tall, wide = boxes_of(Crop(scale=(0.25, 0.25), ratio=(1.0, 1.0)), 10, 10).T
    assert set(zip(tall, wide, strict=True)) == {(5, 5)}
    for start in (top, left):
        assert np.bincount(start) / len(start) == pytest.approx([1 / 6] * 6, abs=0.01)


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(1000, 10, [493, 0, 13, 10]), (10, 1000, [0, 493, 10, 13]), (1, 1, [0, 0, 1, 1])],
)
def test_images_that_no_crop_fits_give_their_centre(height, width, box):
    assert (boxes_of(Crop(scale=(0.9, 1.0)), height, width, MANY[:20]) == box).all()


def test_a_place_in_the_middle_is_a_centre_crop():
    middle = Crop(scale=(0.25, 0.25), ratio=(1.0, 1.0), top=(0.5, 0.5), left=(0.5, 0.5))
    assert (boxes_of(middle, 40, 40, MANY[:20]) == [10, 10, 20, 20]).all()
    corner = Crop(scale=(0.25, 0.25), ratio=(1.0, 1.0), top=(0.0, 0.0), left=(1.0, 1.0))
    assert (boxes_of(corner, 40, 40, MANY[:20]) == [0, 20, 20, 20]).all()
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert (boxes_of(whole, 30, 50, MANY[:20]) == [0, 10, 30, 30]).all()


def test_the_interpolation_of_the_crop_is_in_the_table():
    assert table_of(FULL).interpolation == "bilinear"
    assert table_of(ViewSpec(Crop(interpolation="bicubic"))).rows(slice(2)).interpolation == "bicubic"


def test_amounts_lie_in_the_ranges_of_the_recipe():
    jitter, _, blur, _ = table_of(FULL).effects
    for name, low, high in [
        ("brightness", 0.2, 1.8),
        ("contrast", 0.6, 1.4),
        ("saturation", 0.0, 2.5),
        ("hue", -0.2, 0.2),
    ]:
        amounts = jitter.values[name]
        assert low <= amounts.min() and amounts.max() < high
        assert amounts.mean() == pytest.approx((low + high) / 2, abs=0.02)
    sigma = blur.values["sigma"]
    assert sigma.min() >= 0.1 and sigma.max() < 2 and sigma.mean() == pytest.approx(1.05, abs=0.02)


def test_operations_are_applied_as_often_as_the_recipe_says():
    table = table_of(FULL)
    shares = [table.flip.mean(), *(effect.chosen.mean() for effect in table.effects)]
    assert shares == pytest.approx([0.5, 0.8, 0.2, 0.5, 0.2], abs=0.015)
    for p in (0.0, 1.0):
        assert (table_of(ViewSpec(operations=(Gray(p=p),))).effects[0].chosen == bool(p)).all()


def test_all_orders_of_the_jitter_are_equally_likely():
    order = table_of(FULL).effects[0].values["order"]
    orders, counts = np.unique(order, axis=0, return_counts=True)
    assert len(orders) == 24 and (np.sort(orders, axis=1) == range(4)).all()
    assert counts / len(order) == pytest.approx([1 / 24] * 24, abs=0.006)


@pytest.mark.parametrize("left_out", [Flip, Jitter, Gray, Blur, Solarize])
def test_leaving_out_an_operation_changes_no_other_draw(left_out):
    fewer = dataclasses.replace(
        FULL, operations=tuple(o for o in FULL.operations if not isinstance(o, left_out))
    )
    all_, some = table_of(FULL), table_of(fewer)
    assert np.array_equal(all_.boxes, some.boxes)
    assert left_out is Flip or np.array_equal(all_.flip, some.flip)
    kept = [effect for effect in all_.effects if not isinstance(effect.operation, left_out)]
    for one, other in zip(kept, some.effects, strict=True):
        assert np.array_equal(one.chosen, other.chosen)
        assert all(np.array_equal(one.values[name], other.values[name]) for name in one.values)


def test_draws_of_a_view_are_not_tied_to_each_other():
    table = table_of(FULL)
    jitter, _, blur, _ = table.effects
    draws = [
        *table.boxes.T,
        table.flip,
        *(effect.chosen for effect in table.effects),
        *(jitter.values[name] for name in ("brightness", "contrast", "saturation", "hue")),
        blur.values["sigma"],
    ]
    tied = abs(np.corrcoef(np.array(draws, dtype=float))) - np.eye(len(draws))
    assert (tied[4:] < 0.03).all()


def test_an_operation_twice_is_refused():
    with pytest.raises(TwofoldError, match="Gray is there twice"):
        table_of(ViewSpec(operations=(Gray(), Blur(), Gray(0.5))))
