"""Exact and near duplicates, against slow and obvious twins."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twofold.core.source import Source
from twofold.data import duplicates
from twofold.data.duplicates import by_splits, exact_pairs, near_pairs, thumbnails


def digests_of(kinds: list[int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (max(kinds) + 1, 16), dtype=np.uint8)[kinds]


def test_each_copy_is_paired_with_the_first_of_its_kind_in_every_split() -> None:
    kinds, split = [0, 1, 0, 0, 2, 1], np.array([0, 0, 0, 1, 1, 1])
    pairs = {tuple(pair) for pair in exact_pairs(digests_of(kinds), split).tolist()}
    assert pairs == {(0, 2), (0, 3), (1, 5)}
    found = by_splits(exact_pairs(digests_of(kinds), split), split, ["train", "test"], list("abcdef"))
    assert [(t.first, t.second, t.count) for t in found] == [("train", "train", 1), ("train", "test", 2)]
    assert found[1].examples == (("a", "d"), ("b", "f"))


def test_near_pairs_are_those_of_the_obvious_search() -> None:
    draw = np.random.default_rng(1)
    base = draw.integers(40, 200, (60, 8, 9)).astype(np.int64)
    noisy = base + draw.integers(-9, 10, base.shape) * draw.integers(0, 2, (60, 1, 1))
    small = np.concatenate([base, noisy, base[:5] + 30]).clip(0, 255).astype(np.uint8)
    digests = digests_of(list(range(len(small))))
    split = np.zeros(len(small), np.int64)

    bits = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(small), 64)
    slow = {
        (i, j)
        for i in range(len(small))
        for j in range(i + 1, len(small))
        if (bits[i] != bits[j]).sum() <= 4
        and np.abs(small[i].astype(int) - small[j].astype(int)).mean() <= 20
    }
    assert {tuple(sorted(pair)) for pair in near_pairs(small, digests, split).tolist()} == slow
    assert len(slow) > 20


def thumbnail_with(bits: np.ndarray) -> np.ndarray:
    steps = np.where(bits.reshape(8, 8), 3, -3)
    return np.concatenate([np.full((8, 1), 128), 128 + steps.cumsum(axis=1)], axis=1).astype(np.uint8)


@pytest.mark.parametrize("equal", range(5))
def test_four_bits_are_found_in_whichever_bands_they_differ(equal: int) -> None:
    bits = np.random.default_rng(equal).integers(0, 2, 64).astype(bool)
    flipped = np.packbits(bits).view(np.uint64)
    for shift, width in (band for number, band in enumerate(duplicates._BANDS) if number != equal):
        flipped ^= np.uint64(1) << np.uint64(shift + width // 2)
    other = np.unpackbits(flipped.view(np.uint8)).astype(bool)
    assert (bits != other).sum() == 4
    small = np.stack([thumbnail_with(bits), thumbnail_with(other)])
    assert len(near_pairs(small, digests_of([0, 1]), np.zeros(2, np.int64))) == 1


def test_a_crowd_of_blank_images_does_not_explode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_MOST_PAIRS", 5_000)
    blank = np.zeros((3_000, 8, 9), np.uint8)
    pairs = near_pairs(blank, digests_of(list(range(3_000))), np.zeros(3_000, np.int64))
    assert len(np.unique(pairs[:, 1])) > 2_000


def test_a_re_encoded_copy_is_near_and_another_image_is_not(
    tmp_path: Path, fill: Callable[..., Path], opened: Callable[..., Source]
) -> None:
    root = fill(tmp_path / "data", [f"train/{n}.png" for n in range(30)], height=60, width=80)
    (root / "test").mkdir()
    for n in (3, 8):
        Image.open(root / f"train/{n}.png").resize((64, 48)).save(root / f"test/copy{n}.jpg", quality=70)
    fill(root, ["test/new.png"], start=900)
    source = opened(root)
    small = np.concatenate([thumbnails(source.splits[name], lambda _: None) for name in ("train", "test")])
    split = np.repeat([0, 1], [30, 3])
    pairs = near_pairs(small, digests_of(list(range(33))), split)
    paths = [*source.splits["train"].paths, *source.splits["test"].paths]
    [twins] = by_splits(pairs, split, ["train", "test"], paths)
    assert (twins.first, twins.second, twins.count) == ("train", "test", 2)
    assert twins.examples == (("train/3.png", "test/copy3.jpg"), ("train/8.png", "test/copy8.jpg"))
