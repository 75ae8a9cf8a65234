"""The largest values of each row."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from twofold.metrics.largest import largest, largest_halves


@given(st.integers(1, 6), st.integers(1, 3000), st.integers(1, 300), st.integers(0, 2**32 - 1), st.booleans())
def test_the_largest_are_those_that_sorting_finds(rows, columns, k, seed, equal):
    k = min(k, columns)
    values = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))
    if equal:  # ties everywhere
        values = (values * 4).floor()
    value, column = largest(values, k)
    assert torch.equal(value, values.sort(dim=1, descending=True).values[:, :k])
    assert torch.equal(values.gather(1, column), value)
    unsorted = largest(values, k, in_order=False)
    assert torch.equal(unsorted[0].sort(dim=1, descending=True).values, value)
    assert torch.equal(values.gather(1, unsorted[1]), unsorted[0])
    assert all(len(set(row)) == k for row in column.tolist())


@given(
    st.integers(1, 6),
    st.integers(1, 3000),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
)
def test_so_it_is_of_halves_above_and_below_nothing(rows, columns, k, seed, above, equal):
    k = min(k, columns)
    values = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) - above
    if equal:
        values = (values * 4).floor()
    values = values.bfloat16()
    value, column = largest_halves(values, k)
    assert torch.equal(value.sort(dim=1).values, values.sort(dim=1).values[:, -k:])
    assert torch.equal(values.gather(1, column), value)
    assert all(len(set(row)) == k for row in column.tolist())
