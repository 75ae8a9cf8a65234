import math

import pytest
import torch

from twofold.metrics.i_nce import i_nce, nce_losses
from twofold.objectives.contrastive import info_nce


def test_it_is_nothing_where_views_share_nothing_and_log_of_the_candidates_where_the_task_is_solved() -> None:
    q, negatives = torch.eye(8)[:2], torch.eye(8)[2:]
    at_chance = info_nce(torch.ones(2, 8), torch.ones(2, 8), torch.ones(6, 8), 0.1)
    assert i_nce(at_chance, 7).item() == pytest.approx(0, abs=1e-6)
    assert i_nce(info_nce(q, q, negatives, 0.01), 7).item() == pytest.approx(math.log(7))


def test_it_has_no_gradient() -> None:
    assert not i_nce(torch.ones((), requires_grad=True) * 2, 7).requires_grad


def test_each_view_is_a_query_among_the_other_views_of_its_block() -> None:
    one, other = torch.randn(10, 5).double(), torch.randn(10, 5).double()
    losses = nce_losses(one, other, 4, 0.3)
    assert losses.shape == (8,)  # two blocks of four images; two images are left out
    expected = [0.0] * 8
    for block in (range(4), range(4, 8)):
        for queries, keys in ((one, other), (other, one)):
            for i in block:
                scores = [
                    float(queries[i] @ keys[j] / queries[i].norm() / keys[j].norm()) / 0.3 for j in block
                ]
                own = scores[i - block[0]]
                expected[i] += (math.log(sum(math.exp(score) for score in scores)) - own) / 2
    assert losses.tolist() == pytest.approx(expected)
    assert i_nce(losses, 4).mean().item() == pytest.approx(i_nce(losses.mean(), 4).item())


def test_the_losses_are_those_of_info_nce() -> None:
    q, k = torch.randn(2, 6, 4)
    row = (info_nce(q[:1], k[:1], k[1:], 0.2) + info_nce(k[:1], q[:1], q[1:], 0.2)) / 2
    assert nce_losses(q, k, 6, 0.2)[0].item() == pytest.approx(row.item(), abs=1e-6)
