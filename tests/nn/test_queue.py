import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.core.errors import UsageError
from twofold.nn.queue import Queue, fitting_length


def test_few_images_have_fewer_keys_but_room_for_a_step() -> None:
    assert fitting_length(4096, images=50_000, keys=256) == 4096
    assert fitting_length(4096, images=1000, keys=256) == 1000
    assert fitting_length(4096, images=100, keys=256) == 256


def test_starts_with_random_unit_vectors() -> None:
    queue = Queue(64, 8)
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(64))
    assert not queue.full


def test_staged_keys_enter_only_when_written() -> None:
    queue, keys = Queue(6, 2), torch.randn(3, 2)
    before = queue.keys.clone()
    queue.stage(keys)
    assert torch.equal(queue.keys, before)
    queue.write()
    assert torch.equal(queue.keys[:3], keys) and torch.equal(queue.keys[3:], before[3:])
    queue.write()  # nothing staged: nothing happens
    assert int(queue.written) == 3


@settings(max_examples=20)
@given(length=st.integers(1, 12), batches=st.lists(st.integers(1, 6), max_size=8))
def test_keeps_the_newest(length: int, batches: list[int]) -> None:
    queue, seen = Queue(length, 1), 0
    for count in (min(batch, length) for batch in batches):
        queue.stage(torch.arange(seen, seen + count)[:, None].float() + 10)
        queue.write()
        seen += count
    newest = set(range(max(0, seen - length), seen))
    held = {int(key) - 10 for key in queue.keys if key >= 10}
    assert held == newest
    assert queue.full == (seen >= length)


def test_a_reloaded_queue_goes_on_where_it_stood() -> None:
    first, second = Queue(5, 2), Queue(5, 2)
    first.stage(torch.randn(3, 2))
    first.write()
    second.load_state_dict(first.state_dict())
    keys = torch.randn(3, 2)
    for queue in (first, second):
        queue.stage(keys)
        queue.write()
    assert torch.equal(first.keys, second.keys)


def test_a_batch_longer_than_the_queue_is_refused() -> None:
    with pytest.raises(UsageError, match="queue of 4 cannot take the 5 keys"):
        Queue(4, 2).stage(torch.randn(5, 2))
