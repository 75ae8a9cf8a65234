"""Some of the images: all classes, and otherwise by chance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twofold.evaluations._draw import in_random_order

LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(np.array)


@given(LABELS, st.integers(0, 9))
def test_each_row_once_and_one_of_each_class_first(labels: np.ndarray, seed: int) -> None:
    rows = in_random_order(labels, seed)
    classes = len({*labels.tolist()})
    assert sorted(rows.tolist()) == [*range(len(labels))]
    assert {*labels[rows[:classes]].tolist()} == {*labels.tolist()}


@given(LABELS, st.integers(0, 9), st.data())
def test_preferred_rows_stand_for_their_classes(labels: np.ndarray, seed: int, data: st.DataObject) -> None:
    preferred = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    first = in_random_order(labels, seed, preferred)[: len({*labels.tolist()})]
    for row in first:
        assert preferred[row] or not preferred[labels == labels[row]].any()


def test_another_seed_is_another_order() -> None:
    labels = np.arange(100) % 3
    assert in_random_order(labels, 0).tolist() != in_random_order(labels, 1).tolist()
