"""Batches that do not divide into groups: fewer groups by default, a refusal of those that were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.errors import UsageError
from twofold.data import open_source
from twofold.nn.batch_parts import check_parts, whole_parts
from twofold.train.resolve import Request, resolve


@pytest.mark.parametrize(
    ("batch", "groups", "advice"),
    [
        (4, 8, "--bn-splits 2$"),
        (10, 4, "--bn-splits 2 or --batch-size 8$"),
        (9, 8, "--bn-splits 3 or --batch-size 8$"),
        (3, 4, "--bn-splits 1$"),
    ],
)
def test_the_advice_divides(batch: int, groups: int, advice: str) -> None:
    with pytest.raises(UsageError, match=f"a batch of {batch} images .* {groups} groups .* give {advice}"):
        check_parts(batch, groups)


@given(st.integers(2, 300), st.integers(1, 32), st.integers(1, 4))
def test_parts_divide_the_batch_and_are_the_most(batch: int, groups: int, processes: int) -> None:
    parts = whole_parts(batch, groups, processes)
    assert batch % parts == 0
    assert parts == 1 or (parts % processes == 0 and batch // parts >= 2)
    more = (n for n in range(parts + 1, groups + 1) if batch % n == n % processes == 0)
    assert all(batch // n < 2 for n in more)
    check_parts(batch, parts)


def test_three_processes_have_groups_of_their_own() -> None:
    assert whole_parts(255, 4, processes=3) == 3
    assert whole_parts(96, 8, processes=3) == 6
    assert whole_parts(64, 4, processes=8) == 8  # of one each, as the papers' devices have


@pytest.mark.parametrize("name", ["moco_v1", "moco_v2", "infomin"])
def test_ten_photographs_train_by_default(name: str, tmp_path) -> None:
    np.save(tmp_path / "ten.npy", np.zeros((10, 32, 32, 3), np.uint8))
    source = open_source(str(tmp_path / "ten.npy"))
    resolved = resolve(Request(name), source, 10, accelerator=False)
    assert resolved.batch_size % resolved.arguments["bn_splits"] == 0
    assert resolved.arguments["queue"] <= 2 * 10  # of a longer one most keys would be their own positives
    asked = resolve(Request(name, arguments={"queue": 64}), source, 10, accelerator=False)
    assert asked.arguments["queue"] == 64
    with pytest.raises(UsageError, match="does not divide into 7 groups"):
        resolve(Request(name, arguments={"bn_splits": 7}), source, 10, accelerator=False)
