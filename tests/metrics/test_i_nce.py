import math

import pytest
import torch

from twofold.metrics.i_nce import i_nce
from twofold.objectives.contrastive import info_nce


def test_it_is_nothing_where_views_share_nothing_and_log_of_the_candidates_where_the_task_is_solved() -> None:
    q, negatives = torch.eye(8)[:2], torch.eye(8)[2:]
    at_chance = info_nce(torch.ones(2, 8), torch.ones(2, 8), torch.ones(6, 8), 0.1)
    assert i_nce(at_chance, 7).item() == pytest.approx(0, abs=1e-6)
    assert i_nce(info_nce(q, q, negatives, 0.01), 7).item() == pytest.approx(math.log(7))


def test_it_has_no_gradient() -> None:
    assert not i_nce(torch.ones((), requires_grad=True) * 2, 7).requires_grad
