import copy

import pytest
import torch
from torch.nn import functional as F

import tiny
from processes import in_processes
from twofold.core.method import Method
from twofold.methods.cmc import CMC
from twofold.objectives.noise_contrastive import log_partition, memory_scores, nce, sampled_softmax


def make(**changes: object) -> Method:
    return tiny.make_method("cmc", torch.float64, **{"negatives": 32, **changes})


def test_the_papers_sizes_are_the_defaults() -> None:
    method = CMC(tiny.make_encoder)
    method.setup(items=10, classes=0, steps=1)
    assert (method.loss, method.temperature, method.negatives) == ("nce", 0.07, 16384)
    assert [bank.rows.shape for bank in method.banks] == [(10, 128)] * 2
    assert [bank.momentum for bank in method.banks] == [0.5] * 2
    assert method.encoder.spec["split"] == {"space": "lab", "groups": [[0], [1, 2]]}
    assert [net.conv1.in_channels for net in method.encoder.backbone.networks] == [1, 2]


@pytest.mark.parametrize("loss", ["nce", "softmax"])
@pytest.mark.parametrize("groups", [[[0], [1, 2]], [[0], [1], [2]]])
def test_every_view_looks_into_the_banks_of_the_others(loss: str, groups: list[list[int]]) -> None:
    method = make(loss=loss, groups=groups)
    batch = tiny.make_batch(method, dtype=torch.float64)
    twin, banks = copy.deepcopy(method), [bank.rows.clone() for bank in method.banks]
    h = twin.encoder(batch.views[0].pixels).split(twin.widths, dim=1)
    v = [projector(part) for projector, part in zip(twin.projectors, h, strict=True)]
    drawn, terms = twin.banks[0].draw(tiny.COUNT, 32, tiny.START), []
    for one in range(len(v)):
        for other in range(len(v)):
            if one != other:
                rows = banks[other]
                scores = memory_scores(v[one], rows[batch.item], rows[drawn], method.temperature)
                constant = log_partition(scores, len(rows))
                terms.append(nce(scores, constant, len(rows)) if loss == "nce" else sampled_softmax(scores))

    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(torch.stack(terms).sum().item())
    assert all(torch.equal(bank.rows, before) for bank, before in zip(method.banks, banks, strict=True))
    method.after_step(tiny.progress(0))
    for bank, before, vectors in zip(method.banks, banks, v, strict=True):
        moved = F.normalize(before[batch.item] / 2 + F.normalize(vectors) / 2)
        torch.testing.assert_close(bank.rows[batch.item], moved.detach())


def test_directions_have_constants_of_their_own_that_stay() -> None:
    method = make(loss="nce")
    optimizer = tiny.make_optimizer(method)
    seen = []
    for step in range(2):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step, torch.float64), step)
        seen.append([partition.log_z.item() for partition in method.partitions])
    assert seen[0] == seen[1] and seen[0][0] != seen[0][1]


def test_two_processes_agree_on_the_constants() -> None:
    changes = {"loss": "nce", "temperature": 0.07, "negatives": 50}
    parts = in_processes(2, tiny.train, "cmc", changes)
    tiny.assert_equal_training(parts, tiny.train("cmc", changes))


def test_images_may_be_drawn_with_replacement() -> None:
    """The memory of an image is then no older than others are on average."""
    assert make(with_replacement=False).before_epoch(1, lambda: torch.zeros(0)) is None
    weights = make(with_replacement=True).before_epoch(1, lambda: torch.zeros(0))
    assert len(weights) == 4 * tiny.COUNT and len(weights.unique()) == 1
