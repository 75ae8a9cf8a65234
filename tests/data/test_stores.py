"""What the cache keeps and what it lets go."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twofold.core.source import Source
from twofold.data.stores import kept_in, prune

DAY = 86_400


@pytest.fixture
def cache(tmp_path: Path, fill: Callable[..., Path], opened: Callable[..., Source]) -> Path:
    for name in ("old", "new", "gone"):
        opened(fill(tmp_path / name, ["1.png", "2.png"]))
    shutil.rmtree(tmp_path / "gone")
    for index in (tmp_path / "cache/stores").glob("old-*/index.npz"):
        os.utime(index, (time.time() - 9 * DAY,) * 2)
    return tmp_path / "cache"


def names(stores: list) -> set[str]:
    return {store.folder.name.rpartition("-")[0] for store in stores}


def test_stores_are_listed_with_what_they_hold(cache: Path, tmp_path: Path) -> None:
    stores = {store.folder.name.rpartition("-")[0]: store for store in kept_in(cache)}
    assert set(stores) == {"old", "new", "gone"}
    assert stores["new"].images == 2
    assert stores["new"].place == str(tmp_path / "new")
    assert stores["new"].size > 2 * 24 * 32 * 3
    assert stores["gone"].useless == "its images are gone"
    assert not stores["new"].useless


def test_pruning_takes_what_is_of_no_more_use(cache: Path) -> None:
    assert names(prune(kept_in(cache), unused_days=None, everything=False)) == {"gone"}
    assert names(kept_in(cache)) == {"old", "new"}


def test_pruning_takes_what_was_not_used_for_long(cache: Path) -> None:
    assert names(prune(kept_in(cache), unused_days=7, everything=False)) == {"gone", "old"}


def test_pruning_everything_spares_what_is_being_written(cache: Path) -> None:
    [new] = (cache / "stores").glob("new-*")
    (new / ".x.seg.1.part").write_bytes(b"growing")
    assert names(prune(kept_in(cache), unused_days=None, everything=True)) == {"gone", "old"}
    os.utime(new / ".x.seg.1.part", (1, 1))
    assert names(prune(kept_in(cache), unused_days=None, everything=True)) == {"new"}


def test_opening_notes_the_use(cache: Path, tmp_path: Path, opened: Callable[..., Source]) -> None:
    opened(tmp_path / "old")
    assert names(prune(kept_in(cache), unused_days=7, everything=False)) == {"gone"}


def test_a_damaged_store_is_of_no_use(cache: Path) -> None:
    for index in (cache / "stores").glob("new-*/index.npz"):
        index.write_bytes(b"no")
    assert names(prune(kept_in(cache), unused_days=None, everything=False)) == {"gone", "new"}


def test_an_index_that_says_it_is_packed_in_an_unknown_way_is_of_no_use(cache: Path) -> None:
    for index in (cache / "stores").glob("new-*/index.npz"):
        content = bytearray(index.read_bytes())
        for signature, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            start = content.find(signature)
            while start >= 0:
                content[start + method] = 77
                start = content.find(signature, start + 4)
        index.write_bytes(content)
    assert names(prune(kept_in(cache), unused_days=None, everything=False)) == {"gone", "new"}
