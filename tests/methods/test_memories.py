"""What a bank holds before the first step, in every method that has one."""

import pytest
import torch
from torch.nn import functional as F

import tiny


def banks_of(method):
    return method.banks if hasattr(method, "banks") else [method.bank]


def projectors_of(method):
    return method.projectors if hasattr(method, "projectors") else [method.projector]


@pytest.mark.parametrize("name", ["instdisc", "pirl", "cmc"])
def test_memories_begin_as_embeddings_where_that_is_asked_for(name):
    method = tiny.make_method(name, fill=True)
    h = torch.randn(4 * tiny.COUNT, method.encoder.width)
    method.before_epoch(0, lambda: h)
    widths = [projector.in_features for projector in projectors_of(method)] if name == "cmc" else [h.shape[1]]
    for bank, projector, part in zip(
        banks_of(method), projectors_of(method), h.split(widths, 1), strict=True
    ):
        torch.testing.assert_close(bank.rows, F.normalize(projector(part)))
        assert not bank.rows.requires_grad


@pytest.mark.parametrize("name", ["instdisc", "pirl", "cmc"])
def test_memories_are_left_alone_later_and_where_it_is_not_asked_for(name):
    for method, epoch in ((tiny.make_method(name, fill=True), 1), (tiny.make_method(name, fill=False), 0)):
        before = [bank.rows.clone() for bank in banks_of(method)]
        method.before_epoch(epoch, lambda: pytest.fail("nothing needs to be embedded"))
        assert all(torch.equal(a, b.rows) for a, b in zip(before, banks_of(method), strict=True))


@pytest.mark.parametrize("name", ["instdisc", "pirl", "cmc"])
def test_the_papers_begin_at_random(name):
    import inspect

    from twofold.core import registry

    assert inspect.signature(registry.find("methods", name)).parameters["fill"].default is False
