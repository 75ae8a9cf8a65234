"""Judging by several processes."""

import numpy as np
import pytest
import torch

import judge_cases
from processes import in_processes
from twofold.evaluations import knn


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_come_to_the_figures_of_one(count, tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(77) % 3  # neither the images to fit on nor the judged ones divide by 2 or 3
    images = random.integers(0, 120, (77, 16, 16, 3), dtype=np.uint8)
    images[..., 0] += (labels * 30).astype(np.uint8)[:, None, None]
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    alone = judge_cases.judged(tmp_path / "data.npz", tmp_path / "cache")
    assert len(alone) == 4
    for found in in_processes(count, judge_cases.judged, tmp_path / "data.npz", tmp_path / "cache"):
        assert [one[:2] for one in found] == [one[:2] for one in alone]
        assert [one[2] for one in found] == pytest.approx([one[2] for one in alone])


def test_each_process_looks_for_the_neighbours_of_its_share(embedded, monkeypatch):
    given, asked = embedded(judged=200), []
    real = knn.neighbours

    def counted(queries, bank, k):
        asked.append(len(queries))
        return real(queries, bank, k)

    monkeypatch.setattr(knn, "neighbours", counted)
    monkeypatch.setattr(knn.dist, "share", lambda count: torch.arange(50, 100))
    monkeypatch.setattr(knn.dist, "gather", lambda part: part.repeat(4, *[1] * (part.ndim - 1)))
    list(knn.Knn(neighbours=(5,))(given))
    assert asked == [50]
