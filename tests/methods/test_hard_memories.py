"""Hard negatives from a memory bank, in every method that has one."""

import copy

import pytest
import torch
from torch import Tensor

import tiny
from processes import in_processes
from twofold.core.batch import Batch
from twofold.core.method import Method
from twofold.objectives.hard_negatives import skewed_ranks
from twofold.objectives.noise_contrastive import log_partition, memory_scores, nce, sampled_softmax

BANKS = ["instdisc", "pirl", "cmc"]
ITEMS = 4 * tiny.COUNT


def make(name: str, **changes: object) -> Method:
    return tiny.make_method(name, torch.float64, **{"negatives": 32, **changes})


def comparisons(method: Method, batch: Batch) -> list[tuple[Tensor, Tensor, float]]:
    """Embeddings, the bank that they look into, and the weight of their term."""
    x = [view.pixels for view in batch.views]
    if hasattr(method, "banks"):
        h = method.encoder(x[0]).split(method.widths, dim=1)
        v = [projector(part) for projector, part in zip(method.projectors, h, strict=True)]
        return [(v[0], method.banks[1].rows, 1.0), (v[1], method.banks[0].rows, 1.0)]
    image = method.projector(method.encoder(x[0]))
    if len(x) == 1:
        return [(image, method.bank.rows, 1.0)]
    patches = method.jigsaw(method.encoder(x[1].flatten(0, 1)).unflatten(0, (tiny.COUNT, 9)))
    return [(image, method.bank.rows, 1 - method.weight), (patches, method.bank.rows, method.weight)]


def hardest_first(v: Tensor, rows: Tensor, own: int) -> list[int]:
    """The other images, sorted one by one."""
    likeness = [torch.nn.functional.cosine_similarity(v, row, dim=0).item() for row in rows]
    return sorted((row for row in range(len(rows)) if row != own), key=lambda row: -likeness[row])


@pytest.mark.parametrize("loss", ["nce", "softmax"])
@pytest.mark.parametrize("name", BANKS)
def test_every_embedding_meets_the_memories_at_the_ranks_of_its_own_order(name: str, loss: str) -> None:
    method = make(name, loss=loss, hardness=1.0)
    batch = tiny.make_batch(method, dtype=torch.float64)
    batch = batch._replace(item=3 * torch.arange(tiny.COUNT))
    ranks = skewed_ranks(ITEMS - 1, 1.0, tiny.START, 32)
    expected = torch.zeros((), dtype=torch.float64)
    for v, rows, weight in comparisons(copy.deepcopy(method), batch):
        orders = [hardest_first(v[i], rows, int(batch.item[i])) for i in range(len(v))]
        drawn = torch.tensor([[order[rank] for rank in ranks.tolist()] for order in orders])
        scores = memory_scores(v, rows[batch.item], rows[drawn], method.temperature)
        constant = log_partition(scores, ITEMS)
        expected += weight * (nce(scores, constant, ITEMS) if loss == "nce" else sampled_softmax(scores))
    assert method(batch, tiny.progress(0)).loss.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("name", BANKS)
def test_harder_negatives_raise_the_loss_and_none_are_drawn_harder_by_default(name: str) -> None:
    losses = []
    for changes in ({}, {"hardness": 0.0}, {"hardness": 0.5}, {"hardness": 2.0}):
        method = make(name, **changes)
        losses.append(method(tiny.make_batch(method, dtype=torch.float64), tiny.progress(0)).loss.item())
    plain, none, some, hardest = losses
    assert plain == none and none + 0.01 < some < hardest


@pytest.mark.parametrize("name", BANKS)
def test_two_processes_draw_the_same_hard_negatives(name: str) -> None:
    changes = {"hardness": 1.0, "negatives": 20}
    parts = in_processes(2, tiny.train, name, changes)
    tiny.assert_equal_training(parts, tiny.train(name, changes))
