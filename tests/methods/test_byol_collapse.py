"""What keeps BYOL from collapse: its predictor."""

from torch import nn

import tiny
from twofold.core.method import Method
from twofold.metrics.collapse import channel_spread


def spread_before_and_after(method: Method) -> tuple[float, float]:
    """The std of unit embeddings times sqrt(d) of an untrained and of a trained network."""
    unseen = tiny.make_batch(method, seed=999, count=64).views[0].pixels
    before = channel_spread(method.projector(method.encoder(unseen)))
    optimizer = tiny.make_optimizer(method)
    for step in range(40):
        tiny.take_step(method, optimizer, tiny.make_batch(method, step), step)
    return before, channel_spread(method.projector(method.encoder(unseen)))


def test_byol_with_its_predictor_does_not_collapse() -> None:
    before, after = spread_before_and_after(tiny.make_method("byol", momentum=0.9))
    assert after > 0.9 * before


def test_byol_without_a_predictor_collapses() -> None:
    method = tiny.make_method("byol", momentum=0.9)
    method.predictor = nn.Identity()
    before, after = spread_before_and_after(method)
    assert after < 0.2 * before
