import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from twofold.core.errors import UsageError
from twofold.nn.bank import Bank, Partition


def test_starts_with_random_unit_vectors() -> None:
    assert torch.allclose(Bank(64, 8).rows.norm(dim=1), torch.ones(64))


@settings(max_examples=20)
@given(momentum=st.floats(0, 1), seed=st.integers(0, 999))
def test_rows_follow_their_images_on_the_sphere_and_no_others_do(momentum: float, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    bank, before = (bank := Bank(9, 3, momentum).double()), bank.rows.clone()
    items, vectors = torch.randperm(9, generator=random)[:4], torch.randn(4, 3, generator=random)
    bank.stage(items, vectors.double())
    assert torch.equal(bank.rows, before)  # only staged
    bank.write()
    for row in range(9):
        expected = before[row]
        if row in items:
            vector = vectors[items.tolist().index(row)].double()
            mixed = momentum * before[row] + (1 - momentum) * vector / vector.norm()
            expected = mixed / mixed.norm()
        torch.testing.assert_close(bank.rows[row], expected)
    after = bank.rows.clone()
    bank.write()  # nothing staged: nothing happens
    assert torch.equal(bank.rows, after)


def test_of_an_image_that_a_batch_holds_twice_the_last_one_counts() -> None:
    bank, vectors = Bank(4, 3, momentum=0.0), F.normalize(torch.randn(4, 3))
    bank.stage(torch.tensor([2, 1, 2, 0]), vectors)
    bank.write()
    torch.testing.assert_close(bank.rows[:3], vectors[[3, 1, 2]])


def test_what_is_remembered_has_no_gradient() -> None:
    bank, vectors = Bank(4, 2), torch.randn(2, 2, requires_grad=True)
    bank.stage(torch.tensor([0, 3]), vectors)
    bank.write()
    assert not bank.rows.requires_grad


def test_half_precision_is_remembered_at_full_length() -> None:
    bank = Bank(4, 64)
    bank.stage(torch.arange(4), torch.randn(4, 64).bfloat16())
    bank.write()
    torch.testing.assert_close(F.normalize(bank.rows), bank.rows)


def test_negatives_hang_on_the_step_alone() -> None:
    bank = Bank(50, 2)
    drawn = bank.draw(4, 20, step=7)
    torch.manual_seed(1)
    assert torch.equal(bank.draw(4, 20, step=7), drawn)
    assert not torch.equal(bank.draw(4, 20, step=8), drawn)


def test_negatives_are_uniform_over_all_rows_with_replacement() -> None:
    drawn = Bank(10, 2).draw(100, 1000, step=0)
    shares = drawn.flatten().bincount(minlength=10) / drawn.numel()
    assert torch.allclose(shares, torch.full((10,), 0.1), atol=0.005)
    assert drawn.unique(dim=0).shape == drawn.shape  # every image has its own


def test_the_constant_is_that_of_the_first_batch_forever() -> None:
    partition = Partition()
    assert partition(torch.tensor(2.5)).item() == pytest.approx(2.5)
    assert partition(torch.tensor(3.5)).item() == pytest.approx(3.5)  # no step was made yet
    partition.write()
    assert partition(torch.tensor(-9.0)).item() == pytest.approx(3.5)
    partition.write()
    reloaded = Partition()
    reloaded.load_state_dict(partition.state_dict())
    assert reloaded(torch.tensor(-9.0)).item() == pytest.approx(3.5)


def test_an_image_needs_something_to_be_told_from() -> None:
    with pytest.raises(UsageError, match="--negatives must be 1 or more, not 0"):
        Bank(4, 3).draw(2, 0, step=0)
