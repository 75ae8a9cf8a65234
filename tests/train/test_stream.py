import dataclasses
import threading
import time

import numpy as np
import pytest
import torch

from twofold.train.stream import Stream, _pinned, _prefetched, _times_before
from twofold.views import recipes
from twofold.views.maker import ViewMaker


class InMemory:
    """Ten small images whose first pixel is their row."""

    paths = tuple(f"{row}.png" for row in range(10))
    labels = np.arange(10) % 2
    sizes = np.full((10, 2), 16)
    digests = np.zeros((10, 16), np.uint8)

    def __len__(self):
        return 10

    def read(self, items):
        pixels = torch.zeros(len(items), 16, 16, 3, dtype=torch.uint8)
        pixels[:] = torch.from_numpy(np.asarray(items)).view(-1, 1, 1, 1).to(torch.uint8) * 20
        return pixels


def stream(labels=False, seed=0):
    maker = ViewMaker(recipes.C_CIFAR, seed=seed, view_size=8, channels=3)
    return Stream(InMemory(), maker, 3, seed, labels)


def test_an_epoch_visits_every_image_once_and_drops_the_incomplete_batch():
    items = torch.cat([batch.item for batch in stream().batches(0)])
    assert len(items) == 9 == len(set(items.tolist()))
    assert stream().steps_per_epoch == 3


def test_the_order_depends_on_seed_and_epoch_alone():
    assert np.array_equal(stream().order(4), stream().order(4))
    assert not np.array_equal(stream().order(4), stream().order(5))
    assert not np.array_equal(stream(seed=1).order(4), stream().order(4))


def test_going_on_in_the_middle_of_an_epoch_gives_the_same_bits():
    whole, rest = list(stream().batches(2)), list(stream().batches(2, first=1))
    assert len(rest) == 2
    for one, other in zip(whole[1:], rest, strict=True):
        assert torch.equal(one.item, other.item)
        for view, same in zip(one.views, other.views, strict=True):
            assert torch.equal(view.pixels, same.pixels)
            assert torch.equal(view.frame, same.frame)


def test_labels_are_behind_a_wall():
    assert not next(iter(stream().batches(0))).targets
    batch = next(iter(stream(labels=True).batches(0)))
    assert torch.equal(batch.targets["label"], batch.item % 2)


def test_weights_decide_what_is_drawn():
    weights = torch.zeros(10)
    weights[7] = 1.0
    assert set(stream().order(0, weights).tolist()) == {7}


def test_an_error_in_the_background_surfaces_in_the_loop():
    def broken():
        yield 1
        raise OSError("the file vanished")

    with pytest.raises(OSError, match="vanished"):
        list(_prefetched(broken(), depth=2))


def test_no_thread_is_left_when_the_loop_stops_early():
    before = threading.active_count()

    def endless():
        while True:
            yield 0

    batches = _prefetched(endless(), depth=2)
    next(batches)
    batches.close()
    for _ in range(50):
        if threading.active_count() == before:
            break
        time.sleep(0.02)
    assert threading.active_count() == before


def test_views_that_are_made_ahead_are_made_by_all_threads():
    """The model computes elsewhere then."""
    torch.set_num_threads(3)
    assert list(_prefetched((torch.get_num_threads() for _ in range(2)), depth=2)) == [3, 3]


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_gpu_is_given_pinned_copies_of_what_is_made_ahead(ahead, monkeypatch):
    pinned, empty_like = [], torch.empty_like

    def recorded(tensor, *, pin_memory=False, **kind):
        made = empty_like(tensor, **kind)
        if pin_memory:
            pinned.append(made)
        return made

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty_like", recorded)
    plain = next(stream(labels=True).batches(0))
    copied = list(dataclasses.replace(stream(labels=True), ahead=ahead).batches(0))
    assert torch.equal(copied[0].views[1].pixels, plain.views[1].pixels)
    tensors = [
        tensor
        for batch in copied
        for tensor in (*(part for view in batch.views for part in view[:2]), batch.item, batch.size)
    ] + [batch.targets["label"] for batch in copied]
    assert {id(tensor) for tensor in pinned} == ({id(tensor) for tensor in tensors} if ahead else set())


def test_a_tensor_whose_rows_are_one_and_the_same_is_pinned(monkeypatch):
    empty_like = torch.empty_like
    monkeypatch.setattr(torch, "empty_like", lambda tensor, pin_memory: empty_like(tensor))
    rows = torch.tensor([24, 32]).expand(3, 2)
    assert torch.equal(_pinned(rows), rows)


def test_each_part_of_a_batch_is_made_as_in_the_whole():
    maker = ViewMaker(recipes.C_CIFAR, seed=0, view_size=8, channels=3)
    whole = Stream(InMemory(), maker, 6, 0).batches(1)
    parts = [Stream(InMemory(), maker, 6, 0, part=part, parts=3).batches(1) for part in range(3)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert torch.equal(batch.item, torch.cat([share.item for share in shares]))
        for number, view in enumerate(batch.views):
            assert torch.equal(view.pixels, torch.cat([share.views[number].pixels for share in shares]))


def test_an_image_that_is_drawn_again_is_seen_anew():
    weights = torch.tensor([1.0, 1.0, *[0.0] * 8])
    first, *rest = stream().batches(0, weights=weights)
    places = torch.cat([batch.views[0].frame for batch in (first, *rest)]).flatten(1)
    assert len(places.unique(dim=0)) == 9
    (again,) = list(stream().batches(0, first=2, weights=weights))
    assert torch.equal(again.views[0].frame, rest[1].views[0].frame)


def test_times_before_are_counted_along_the_order():
    assert _times_before(np.array([3, 1, 3, 3, 0, 1])).tolist() == [0, 0, 1, 2, 0, 1]
