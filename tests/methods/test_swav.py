import pytest
import torch
from torch import Tensor

import tiny
from processes import in_processes
from twofold.core.batch import Progress
from twofold.core.errors import UsageError
from twofold.core.method import Method
from twofold.methods import swav
from twofold.methods.swav import SwAV
from twofold.nn.multicrop import embed_views


def make(**changes: object) -> Method:
    return tiny.make_method("swav", **changes)


@pytest.fixture
def sinkhorn_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """Scores, and the codes made of them, in the order of the calls."""
    calls: list[tuple[Tensor, Tensor]] = []
    original = swav.sinkhorn

    def watched(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
        calls.append((scores, original(scores, epsilon, iterations)))
        return calls[-1][1]

    monkeypatch.setattr(swav, "sinkhorn", watched)
    return calls


def test_the_papers_sizes_are_the_defaults() -> None:
    method = swav.SwAV(tiny.make_encoder)
    assert method.prototypes.weight.shape == (3000, 128)
    assert method.queue is None
    assert len(method.views.expanded) == 8 and method.views.globals_ == (0, 1)


def test_only_global_views_get_codes(sinkhorn_calls: list[tuple[Tensor, Tensor]]) -> None:
    method = make()
    batch = tiny.make_batch(method)
    method(batch, tiny.progress(0))
    assert len(sinkhorn_calls) == 2
    z = embed_views(method.encoder, method.projector, [view.pixels for view in batch.views])
    for (scores, _), view in zip(sinkhorn_calls, z, strict=False):
        torch.testing.assert_close(scores, method.prototypes(view), rtol=1e-4, atol=1e-4)


def test_views_of_one_size_share_a_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    method = make()
    shapes = []
    method.encoder.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    method(tiny.make_batch(method), tiny.progress(0))
    assert shapes == [(2 * tiny.COUNT, 3, 16, 16), (6 * tiny.COUNT, 3, 7, 7)]


def test_the_queue_helps_only_once_it_is_full(sinkhorn_calls: list[tuple[Tensor, Tensor]]) -> None:
    method = make(queue=2 * tiny.COUNT, queue_epoch=1)
    batch = tiny.make_batch(method)
    for step, epoch in enumerate([0, 1, 1, 1]):
        method(batch, Progress(step, 4, epoch, 2))
        method.after_step(Progress(step, 4, epoch, 2))
    used = [len(scores) for scores, _ in sinkhorn_calls[::2]]
    assert used == [tiny.COUNT] * 3 + [3 * tiny.COUNT]


def test_past_embeddings_come_before_the_batch_and_of_the_same_view(
    sinkhorn_calls: list[tuple[Tensor, Tensor]],
) -> None:
    method = make(queue=tiny.COUNT, queue_epoch=0)
    first, second = (tiny.make_batch(method, seed) for seed in range(2))
    for batch in (first, second):
        method(batch, tiny.progress(0))
        method.after_step(tiny.progress(0))
    (first1, first2), (second1, second2) = ([s for s, _ in sinkhorn_calls[i : i + 2]] for i in (0, 2))
    torch.testing.assert_close(second1[: tiny.COUNT], first1)
    torch.testing.assert_close(second2[: tiny.COUNT], first2)


def test_the_batch_learns_from_its_own_codes(
    sinkhorn_calls: list[tuple[Tensor, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Tensor] = []
    original = swav.swapped_prediction

    def watched(scores: Tensor, codes: Tensor, *rest: object) -> Tensor:
        used.append(codes)
        return original(scores, codes, *rest)

    monkeypatch.setattr(swav, "swapped_prediction", watched)
    method = make(queue=tiny.COUNT, queue_epoch=0)
    for seed in range(2):
        method(tiny.make_batch(method, seed), tiny.progress(0))
        method.after_step(tiny.progress(0))
    for position, (_, codes) in enumerate(sinkhorn_calls[2:]):
        assert torch.equal(used[1][position], codes[-tiny.COUNT :])


def test_two_processes_share_one_queue() -> None:
    changes = {"queue": 2 * tiny.COUNT, "queue_epoch": 0}
    parts = in_processes(2, tiny.train, "swav", changes)
    tiny.assert_equal_training(parts, tiny.train("swav", changes))


def test_prototypes_are_frozen_at_first_and_stay_unit_vectors() -> None:
    method = make(frozen_steps=tiny.START + 1)  # the first step of these tests, and no other
    optimizer, batch = tiny.make_optimizer(method), tiny.make_batch(method)
    before = method.prototypes.weight.clone()
    tiny.take_step(method, optimizer, batch, 0)
    torch.testing.assert_close(method.prototypes.weight.detach(), before)
    tiny.take_step(method, optimizer, batch, 1)
    assert not torch.allclose(method.prototypes.weight, before)
    torch.testing.assert_close(method.prototypes.weight.norm(dim=1), torch.ones(len(before)))


def test_monitors_the_share_of_prototypes_in_use() -> None:
    method = make()
    used = method(tiny.make_batch(method), tiny.progress(0)).seen["prototypes_used"]
    assert 0 < used <= tiny.COUNT / len(method.prototypes.weight)


def test_a_queue_that_is_too_short_is_told_at_once_and_not_when_it_fills() -> None:
    method = make(queue=2, queue_epoch=15)
    with pytest.raises(UsageError, match="a queue of 2 cannot take"):
        method(tiny.make_batch(method), Progress(0, 10, 0, 10))


def test_few_images_have_a_shorter_queue_and_move_prototypes_sooner() -> None:
    usual = {"frozen_steps": 5005, "queue": 3840}
    assert SwAV.fit_to(usual, 1_281_167, 256) == usual
    assert SwAV.fit_to(usual, 2000, 128) == {"frozen_steps": 32, "queue": 2000}
    assert SwAV.fit_to(usual, 1_281_167, 4096)["queue"] == 4096  # those of a step find room
    assert SwAV.fit_to({**usual, "queue": 0}, 2000, 128)["queue"] == 0
