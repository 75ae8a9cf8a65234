"""A run by several processes: what one process would have done, in one run folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import run_cases
from processes import in_processes, three_processes
from twofold.core.run import RunFolder
from twofold.train.checkpoint import digest, load_checkpoint

pytestmark = three_processes


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """35 images, which divide among neither two processes nor three."""
    root = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    for row in range(35):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(root / f"{row:02}.png")
    return root


def state(path: Path) -> dict[str, Any]:
    return load_checkpoint(path / "last.ckpt")


def assert_close(one: Path, other: Path) -> None:
    """Weights, statistics and losses up to the rounding of a few steps."""
    trained, expected = state(one)["method"], state(other)["method"]
    assert trained.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(trained[name], value, rtol=1e-3, atol=1e-4, msg=name)
    losses = [[line["loss"] for line in RunFolder(path).log()] for path in (one, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_two_processes_make_the_run_that_one_makes(images: Path, tmp_path: Path) -> None:
    alone = run_cases.begin(images, tmp_path / "one")
    first, second = in_processes(2, run_cases.begin, images, tmp_path / "two")
    assert first == second and first.name == alone.name  # the key is of what is learned
    assert_close(first, alone)
    assert {path.name for path in first.iterdir()} == {path.name for path in alone.iterdir()}
    assert [line["step"] for line in RunFolder(first).log()] == list(range(1, 7))
    assert RunFolder(first).spec["processes"] == 2


def test_a_run_of_one_process_goes_on_with_two(images: Path, tmp_path: Path) -> None:
    alone = run_cases.begin(images, tmp_path / "one")
    stopped = run_cases.begin(images, tmp_path / "two", stop_at=3)
    assert state(stopped)["step"] == 3
    noted, silent = in_processes(2, run_cases.go_on, stopped)
    assert noted == ["processes was 1 and is now 2: the resumed run is not bit-exact"] and silent == []
    assert_close(stopped, alone)
    because = ["processes was 1 and is now 2"]
    assert json.loads((stopped / "spec.json").read_text())["inexact"] == [{"step": 3, "because": because}]


def test_two_processes_stop_together_and_go_on_to_the_same_bits(images: Path, tmp_path: Path) -> None:
    whole, _ = in_processes(2, run_cases.begin, images, tmp_path / "whole")
    stopped, _ = in_processes(2, run_cases.begin, images, tmp_path / "stopped", 4)
    assert state(stopped)["step"] == 4
    assert in_processes(2, run_cases.go_on, stopped) == [[], []]
    assert digest(state(stopped)) == digest(state(whole))
    assert "inexact" not in RunFolder(stopped).spec


def test_nobody_leaves_while_the_checkpoint_is_written(images: Path, tmp_path: Path) -> None:
    """Who leaves first makes the launcher end the others."""
    assert in_processes(2, run_cases.stop_while_a_checkpoint_is_written, images, tmp_path) == [4, 4]


def test_a_damaged_checkpoint_is_mended_by_one_process_for_all(images: Path, tmp_path: Path) -> None:
    whole, _ = in_processes(2, run_cases.begin, images, tmp_path / "whole")
    damaged, _ = in_processes(2, run_cases.begin, images, tmp_path / "damaged", 4)
    (damaged / "last.ckpt").write_bytes(b"cut off")
    (told,), nothing = in_processes(2, run_cases.go_on, damaged)
    assert "going on from the checkpoint before it, of step 0" in told
    assert all("checkpoint before it" in note for note in nothing)
    assert digest(state(damaged)) == digest(state(whole))


def test_a_batch_that_does_not_divide_is_refused_with_those_that_do(images: Path, tmp_path: Path) -> None:
    for told in in_processes(3, run_cases.refusal, images, tmp_path):
        assert told == "a batch of 8 images does not divide among 3 processes; give --batch-size 6 or 9"
    stopped = run_cases.begin(images, tmp_path, stop_at=1)
    for told in in_processes(3, run_cases.refusal_to_go_on, stopped):
        assert told.endswith("go on with one of these numbers: 1, 2, 4")


def test_a_batch_that_nobody_asked_for_divides(images: Path, tmp_path: Path) -> None:
    for path in in_processes(3, run_cases.begin, images, tmp_path, None, {"batch_size": None, "epochs": 0.1}):
        assert RunFolder(path).run.batch_size % 3 == 0


def test_minutes_are_as_many_steps_for_all(images: Path, tmp_path: Path) -> None:
    first, second = in_processes(2, run_cases.begin_by_the_clock, images, tmp_path)
    assert first == second  # the number of steps is part of the key
    assert state(first)["step"] == RunFolder(first).run.steps == 4  # as the first one measured


def test_a_loss_that_is_no_number_stops_all_and_names_the_images_of_that_process(
    images: Path, tmp_path: Path
) -> None:
    (told, _), (same, of_the_second) = in_processes(
        2, run_cases.with_a_loss_that_is_no_number, images, tmp_path
    )
    assert told == same
    assert f"nan at step 1 (epoch 0), on the images {', '.join(of_the_second)};" in told


@pytest.mark.parametrize("count", [2, 3])
def test_all_images_are_embedded_in_their_order(count: int, images: Path) -> None:
    alone = run_cases.embedded(images)
    assert len(alone) == 35
    for together in in_processes(count, run_cases.embedded, images):
        torch.testing.assert_close(together, alone)
