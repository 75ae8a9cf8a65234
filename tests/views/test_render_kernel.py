"""The compiled renderer beside the torch renderer and the slow twins."""

import dataclasses
import logging
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.core.errors import TwofoldError
from twofold.core.recipe import Crop, ViewSpec
from twofold.views import kernel, render_torch
from twofold.views.counter import Counter
from twofold.views.kernel.source import fingerprint
from twofold.views.ops.blur import Blur
from twofold.views.ops.colour import Gray
from twofold.views.ops.flips import Flip
from twofold.views.ops.jitter import AdditiveJitter, Jitter
from twofold.views.ops.solarize import Solarize
from twofold.views.parameters import Effect, ViewTable, draw
from twofold.views.recipes import A, B, C, D, for_channels, multi_crop, simclr
from twofold.views.render import render
from twofold.views.render_kernel import render as render_kernel
from views import reference

needs_kernel = pytest.mark.skipif(kernel.missing() is not None, reason="the kernel was not built")
LEVELS = [kernel.Level(number, name) for number, name in enumerate(kernel.levels())]
at_every_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
GRAY_LEVEL = 1 / 255
JITTER = Jitter(0.8, 0.8, 0.8, 0.5, p=1.0)
ADDITIVE = AdditiveJitter(0.8, 0.8, 0.8, 0.5, p=1.0)
ALL = ViewSpec(Crop(), (Flip(), JITTER, Gray(), Blur(p=0.7), Solarize(p=0.5)))


def some_images(count, height, width, channels=3, seed=0):
    """Noise on a slope, with black, white and gray areas."""
    random = np.random.default_rng(seed)
    slope = np.linspace(0, 200, width)[None, None, :, None]
    images = slope + random.integers(0, 56, (count, height, width, channels))
    images[:, : height // 4, : width // 4] = random.choice([0, 128, 255], (count, 1, 1, 1))
    return torch.from_numpy(images.astype(np.uint8))


def mixed_images(channels=3):
    sizes = [(40, 50), (1, 30), (30, 1), (1, 1), (100, 70), (33, 33), (3, 900), (264, 265)]
    return [some_images(1, *size, channels, seed)[0] for seed, size in enumerate(sizes)]


def sizes_of(images):
    return np.array([image.shape[:2] for image in images], dtype=np.int64)


def table_of(spec, images, side, seed=0):
    return draw(spec, side, sizes_of(images), Counter(seed, 0, 0, np.arange(len(images))))


def table(side, boxes, *effects, flip=False, interpolation="bilinear"):
    boxes = np.array(boxes, dtype=np.int64)
    return ViewTable(side, boxes, np.full(len(boxes), flip), effects, interpolation)


def everywhere(operation, count, **values):
    return Effect(operation, np.ones(count, bool), {n: np.array([v] * count) for n, v in values.items()})


def assert_close(got, expected, thresholds=False):
    """At most a hundredth of a gray level on average and one at most; thresholds may flip rarely."""
    wrong = (got.double() - expected.double()).abs()
    if thresholds:
        assert (wrong > GRAY_LEVEL).double().mean() <= 1e-4
        wrong = wrong[wrong <= GRAY_LEVEL]
    assert wrong.max() <= GRAY_LEVEL
    assert wrong.mean() <= 0.01 * GRAY_LEVEL


def slow(images, of):
    views = [reference.view(image.numpy(), of, row) for row, image in enumerate(images)]
    return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)


@at_every_level
@pytest.mark.parametrize(
    "recipe", [A, B, C, D, multi_crop(C), simclr(additive=True)], ids=lambda recipe: recipe.name
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["one size", "mixed sizes"])
def test_recipes_are_rendered_as_torch_renders_them(level, recipe, channels, kind):
    images = some_images(24, 48, 64, channels) if kind == "one size" else mixed_images(channels)
    for position, spec in enumerate(for_channels(recipe, channels).expanded[:4]):
        of = table_of(spec, images, round(50 * spec.crop.side), seed=position)
        got, expected = render_kernel(images, of, level), render_torch.render(images, of)
        assert_close(got, expected.pixels, thresholds=recipe is D)
        assert got.is_contiguous(memory_format=torch.channels_last)


@at_every_level
@pytest.mark.parametrize("channels", [1, 3])
def test_all_operations_are_those_of_the_slow_twins(level, channels):
    images = mixed_images(channels)
    (spec,) = for_channels(dataclasses.replace(C, views=(ALL,)), channels).views
    of = table_of(spec, images, 47)
    assert_close(render_kernel(images, of, level), slow(images, of), thresholds=True)


@at_every_level
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize(("jitter", "brightness"), [(JITTER, 1.7), (ADDITIVE, 0.3), (ADDITIVE, -0.4)])
def test_each_step_of_the_jitter_may_come_first_or_last(level, step, jitter, brightness):
    images = some_images(4, 20, 20)
    rest = [other for other in range(4) if other != step]
    for order in ([step, *rest], [*rest, step]):
        drawn = {"brightness": brightness, "contrast": 0.3, "saturation": 1.6, "hue": -0.35, "order": order}
        of = table(20, [[0, 0, 20, 20]] * 4, everywhere(jitter, 4, **drawn))
        assert_close(render_kernel(images, of, level), slow(images, of))


@at_every_level
@pytest.mark.parametrize("side", [20, 41, 224])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.0])
def test_blur_is_that_of_the_slow_twin(level, side, sigma):
    images = some_images(1, side, side)
    of = table(side, [[0, 0, side, side]], everywhere(Blur(), 1, sigma=sigma))
    assert_close(render_kernel(images, of, level), slow(images, of))


@needs_kernel
def test_an_uncropped_image_keeps_every_colour_exactly():
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(-1, -1, -1, 3).contiguous()
    view = render_kernel(images, table(16, [[0, 0, 16, 16]]), LEVELS[-1])
    assert torch.equal(view, images.permute(0, 3, 1, 2).float() / 255)


@at_every_level
@settings(max_examples=60)
@given(
    data=st.data(),
    channels=st.sampled_from([1, 3]),
    side=st.integers(1, 70),
    flip=st.booleans(),
    way=st.sampled_from(["bilinear", "bicubic"]),
)
def test_any_box_of_any_image_is_resized_as_by_the_slow_twin(level, data, channels, side, flip, way):
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 300))
    tall, wide = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    box = [data.draw(st.integers(0, height - tall)), data.draw(st.integers(0, width - wide)), tall, wide]
    images = some_images(1, height, width, channels)
    of = table(side, [box], flip=flip, interpolation=way)
    assert_close(render_kernel(images, of, level), slow(images, of))


@at_every_level
def test_very_long_images_and_a_side_of_one_are_no_exception(level):
    images = some_images(1, 2, 100_000)
    view = render_kernel(images, table(1, [[0, 0, 2, 100_000]]), level)
    expected = render_torch.resize_each(
        list(images), torch.tensor([[0, 0, 2, 100_000]]), torch.tensor([False]), 1
    )
    torch.testing.assert_close(view, expected, atol=1e-4, rtol=0)


@needs_kernel
def test_no_byte_beyond_an_image_is_read_and_none_beyond_the_views_is_written():
    """In a process of its own: it would die of it, for forbidden pages lie on both sides."""
    script = Path(__file__).parent / "guarded.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or f"killed by signal {-done.returncode}"


@needs_kernel
def test_views_of_no_pixels_and_batches_of_no_images_are_empty():
    images, number = some_images(2, 8, 8), LEVELS[-1].number
    none = np.zeros((2, 0))
    steps, flip = (none.astype(np.int32), none.astype(np.float32)), np.zeros(2, bool)
    boxes = np.array([[0, 0, 8, 8]] * 2)
    out = np.empty((2, 0, 0, 3), np.float32)
    kernel.library().render(number, images.numpy(), boxes, flip, *steps, out, 0, False, False, False)
    some = [array[:0] for array in (images.numpy(), boxes, flip, *steps, np.empty((2, 8, 8, 3), np.float32))]
    kernel.library().render(number, *some, 8, False, False, False)


@at_every_level
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [1, 3])
def test_bfloat16_is_float32_rounded_to_nearest_even_in_either_order(level, memory_format, channels):
    images = some_images(6, 40, 40, channels)
    (spec,) = for_channels(dataclasses.replace(C, views=(ALL,)), channels).views
    of = table_of(spec, images, 33)
    wide = render_kernel(images, of, level)
    half = render_kernel(images, of, level, torch.bfloat16, memory_format)
    assert torch.equal(half, wide.bfloat16())
    assert half.is_contiguous(memory_format=memory_format)


@at_every_level
def test_halfway_between_two_bfloat16_the_even_one_is_taken(level):
    """White times a factor is the factor: one lies halfway above an even value, one above an odd one."""
    factors = np.array([0x3F7E8000, 0x3F7D8000], dtype=np.uint32).view(np.float32)
    images = torch.full((2, 16, 16, 3), 255, dtype=torch.uint8)
    drawn = {"contrast": [1.0] * 2, "saturation": [1.0] * 2, "hue": [0.0] * 2, "order": [[0, 1, 2, 3]] * 2}
    values = {"brightness": factors, **{name: np.array(value) for name, value in drawn.items()}}
    of = table(16, [[0, 0, 16, 16]] * 2, Effect(JITTER, np.ones(2, bool), values))
    half = render_kernel(images, of, level, torch.bfloat16)
    assert half[:, 0, 0, 0].view(torch.int16).tolist() == [0x3F7E, 0x3F7E]


@needs_kernel
@pytest.mark.parametrize(
    "box",
    [
        [-1, 0, 5, 5],
        [0, -1, 5, 5],
        [4, 0, 7, 5],
        [0, 15, 5, 6],
        [0, 0, 0, 5],
        [0, 0, 5, 0],
        [2**62, 0, 2**62, 5],
    ],
)
def test_boxes_that_leave_their_image_are_refused(box):
    with pytest.raises(ValueError, match="leaves its image of 10 x 20"):
        render_kernel(some_images(2, 10, 20), table(8, [[0, 0, 10, 20], box]), LEVELS[-1])


@needs_kernel
@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"images": np.zeros((1, 8, 8, 3), np.uint8)}, "number"),
        ({"images": [np.zeros((8, 8, 3), np.uint8)]}, "number"),
        ({"images": [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 1), np.uint8)]}, "channels"),
        ({"images": [np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 3), np.uint8)]}, "empty"),
        ({"images": np.zeros((2, 8, 8, 3), np.float32)}, "bytes"),
        ({"boxes": np.zeros((2, 4), np.int32)}, "boxes"),
        ({"flip": np.zeros(1, bool)}, "flip"),
        ({"kinds": np.full((2, 1), 99, np.int32)}, "unknown"),
        ({"kinds": np.full((2, 1), -1, np.int32)}, "unknown"),
        ({"amounts": np.full((2, 1), np.nan, np.float32)}, "finite"),
        ({"amounts": np.zeros((2, 2), np.float32)}, "amounts"),
        ({"kinds": np.full((2, 1), 6, np.int32), "amounts": np.zeros((2, 1), np.float32)}, "sigma"),
        ({"out": np.zeros((2, 4, 4, 2), np.float32)}, "channels"),
        ({"out": np.zeros((2, 4, 3, 3), np.float32)}, "out"),
        ({"out": np.zeros((2, 4, 4, 3), np.float64)}, "out"),
        ({"side": 5}, "out"),
        ({"side": -4}, "out"),
        ({"level": 99}, "level"),
    ],
)
def test_memory_of_another_shape_is_refused(changed, fault):
    given_ = {
        "level": LEVELS[-1].number,
        "images": np.zeros((2, 8, 8, 3), np.uint8),
        "boxes": np.array([[0, 0, 8, 8]] * 2),
        "flip": np.zeros(2, bool),
        "kinds": np.ones((2, 1), np.int32),
        "amounts": np.ones((2, 1), np.float32),
        "out": np.zeros((2, 4, 4, 3), np.float32),
        "side": 4,
    }
    with pytest.raises(ValueError, match=fault):
        kernel.library().render(*(given_ | changed).values(), False, False, False)


@needs_kernel
def test_memory_with_gaps_and_memory_that_may_not_be_written_are_refused():
    arguments = [
        np.array([[0, 0, 8, 8]]),
        np.zeros(1, bool),
        np.zeros((1, 0), np.int32),
        np.zeros((1, 0), np.float32),
    ]
    out = np.zeros((1, 4, 4, 3), np.float32)
    with pytest.raises((BufferError, ValueError)):
        kernel.library().render(
            0, np.zeros((1, 8, 16, 3), np.uint8)[:, :, ::2], *arguments, out, 4, False, False, False
        )
    out.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        kernel.library().render(0, np.zeros((1, 8, 8, 3), np.uint8), *arguments, out, 4, False, False, False)


@needs_kernel
def test_images_with_gaps_in_memory_are_rendered():
    images = some_images(4, 30, 60)
    of = table_of(ALL, images[:, :, :30], 16)
    expected = render_kernel(images[:, :, :30].contiguous(), of, LEVELS[-1])
    assert torch.equal(render_kernel(images[:, :, :30], of, LEVELS[-1]), expected)
    assert torch.equal(render_kernel(list(images[:, :, :30]), of, LEVELS[-1]), expected)


@at_every_level
def test_threads_change_no_bit(level):
    images = some_images(70, 40, 40)
    of = table_of(ALL, images, 30)
    alone = render_kernel(images, of, level)
    torch.set_num_threads(3)
    assert torch.equal(render_kernel(images, of, level), alone)
    assert torch.equal(render_kernel(list(images), of, level), alone)
    with pytest.raises(ValueError, match="leaves"):
        render_kernel(images, dataclasses.replace(of, boxes=of.boxes + 40), level)


@at_every_level
def test_a_thread_that_has_rendered_large_views_renders_small_ones_as_any_other(level):
    images = some_images(8, 64, 64)
    large, small = table_of(ALL, images, 100), table_of(ALL, images, 21)
    found = {}

    def work(name, tables):
        for of in tables:
            found[name] = render_kernel(images, of, level)

    for name, tables in {"fresh": [small], "used": [large, small]}.items():
        thread = threading.Thread(target=work, args=(name, tables))
        thread.start()
        thread.join()
    assert torch.equal(found["fresh"], found["used"])


@needs_kernel
def test_torch_does_what_the_kernel_does_not_know_and_all_that_follows(monkeypatch):
    images = some_images(8, 32, 32)
    of = table_of(ALL, images, 32)
    expected = render_torch.render(images, of).pixels
    monkeypatch.setattr("twofold.views.render_kernel.KNOWN", (Jitter, Solarize))
    assert_close(render(images, of).pixels, expected, thresholds=True)


def test_the_kernel_knows_all_of_the_operations_it_claims():
    """An operation or a table with a field more is another one: the kernel has to learn it."""
    fields = {
        kind: {f.name for f in dataclasses.fields(kind)} for kind in (Jitter, Gray, Blur, Solarize, ViewTable)
    }
    assert fields == {
        Jitter: {"brightness", "contrast", "saturation", "hue", "p"},
        Gray: {"p"},
        Blur: {"p", "sigma"},
        Solarize: {"p", "threshold"},
        ViewTable: {"side", "boxes", "flip", "effects", "interpolation"},
    }


class TestChoice:
    @needs_kernel
    def test_the_best_level_is_taken_unless_another_is_asked_for(self, monkeypatch):
        monkeypatch.setenv("TWOFOLD_KERNEL", "require")
        monkeypatch.delenv("TWOFOLD_KERNEL_LEVEL", raising=False)
        assert kernel.chosen() == LEVELS[-1]
        monkeypatch.setenv("TWOFOLD_KERNEL_LEVEL", "plain")
        assert kernel.chosen() == LEVELS[0]
        monkeypatch.setenv("TWOFOLD_KERNEL_LEVEL", "mmx")
        with pytest.raises(TwofoldError, match="'mmx'; this processor has plain"):
            kernel.chosen()

    def test_off_leaves_it_to_torch(self, monkeypatch):
        monkeypatch.setenv("TWOFOLD_KERNEL", "off")
        images = some_images(4, 32, 32)
        of = table_of(ALL, images, 32)
        assert kernel.chosen() is None
        assert torch.equal(render(images, of).pixels, render_torch.render(images, of).pixels)

    def test_another_value_is_refused(self, monkeypatch):
        monkeypatch.setenv("TWOFOLD_KERNEL", "yes")
        with pytest.raises(TwofoldError, match="auto, require, off"):
            kernel.chosen()

    @pytest.fixture
    def without(self, monkeypatch):
        monkeypatch.setattr(kernel, "missing", lambda: "the view kernel was not built")
        kernel._tell_once.cache_clear()

    def test_where_it_is_missing_torch_renders_and_says_so_once(self, monkeypatch, without, caplog):
        monkeypatch.delenv("TWOFOLD_KERNEL", raising=False)
        with caplog.at_level(logging.WARNING):
            assert kernel.chosen() is None
            assert kernel.chosen() is None
        (line,) = caplog.messages
        assert "was not built" in line and "pip install" in line

    def test_where_it_is_required_its_absence_is_an_error(self, monkeypatch, without):
        monkeypatch.setenv("TWOFOLD_KERNEL", "require")
        with pytest.raises(TwofoldError, match="not built: run pip install again"):
            kernel.chosen()

    @needs_kernel
    def test_a_library_of_other_sources_is_not_used(self, monkeypatch):
        kernel.missing.cache_clear()
        try:
            monkeypatch.setattr(kernel, "fingerprint", lambda folder: "another")
            assert "other sources" in kernel.missing()
            kernel.missing.cache_clear()
            monkeypatch.setattr(kernel, "fingerprint", lambda folder: None)  # installed without sources
            assert kernel.missing() is None
        finally:
            kernel.missing.cache_clear()

    def test_any_change_of_a_source_changes_the_fingerprint(self, tmp_path):
        assert fingerprint(tmp_path) is None
        seen = set()
        for name, text in [("a.cpp", "1"), ("a.cpp", "2"), ("b.hpp", "2"), ("notes.txt", "3")]:
            (tmp_path / name).write_text(text)
            seen.add(fingerprint(tmp_path))
        assert len(seen) == 3
