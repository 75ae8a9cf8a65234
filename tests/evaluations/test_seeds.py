"""Runs that differ in nothing but the seed."""

import json

import numpy as np
import pytest

from twofold.cli import main
from twofold.evaluations._seeds import settings


@pytest.fixture
def made(tmp_path, photos, make_run):
    """Makes a run, by its name, with further entries of its spec."""

    def make(name, seed=0, about=None, **changes):
        folder = make_run(tmp_path / name, photos, seed, **changes)
        spec = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps(spec | (about or {})))
        return folder

    return make


def told(*runs):
    """Names, seeds and note of each setting."""
    return [(one.name, sorted(one.seeds.values()), one.note) for one in settings({r.name: r for r in runs})]


def test_runs_that_differ_in_the_seed_alone_get_a_row_with_mean_and_spread(made, capsys, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    runs = [made(f"run{seed}", seed) for seed in range(3)]
    runs.append(made("other", steps=2))
    assert main(["evaluate", *map(str, runs), "--evaluations", "knn", "--knn.neighbours", "[3]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (mean,) = [line for line in lines if "mean of 3 seeds" in line]
    values = [
        score["value"]
        for run in runs[:3]
        for score in json.loads((run / "scores.json").read_text())
        if score["metric"] == "accuracy" and score["subject"] == run.name
    ]
    assert f"{100 * np.mean(values):.1f} (sd {100 * np.std(values, ddof=1):.1f})" in mean
    assert mean.startswith("simclr-photos-")
    assert sum(line.startswith(("run", "other")) for line in lines) == 4
    assert "precision" not in "".join(lines)


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_seeds_whose_precision_came_out_differently_are_one_row_and_a_note(
    command, made, capsys, monkeypatch
):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    runs = [made(f"run{seed}", seed, precision="fp32" if seed == 1 else "bf16") for seed in range(3)]
    words = [*map(str, runs), "random:resnet18_w4", "--evaluations", "knn", "--knn.neighbours", "[3]"]
    assert main([command, *words]) == 0
    said = capsys.readouterr().out
    assert "mean of 3 seeds" in said
    assert "is of runs of more than one precision: bf16 for seed 0, 2; fp32 for seed 1" in said


def test_precisions_that_share_a_seed_are_what_is_compared(made):
    runs = [made(f"{how}{seed}", seed, precision=how) for how in ("fp32", "bf16") for seed in (0, 1)]
    (single, of_single, no_note), (half, of_half, _) = told(*runs)
    assert single.removesuffix("-fp32") == half.removesuffix("-bf16")
    assert (of_single, of_half, no_note) == ([0, 1], [0, 1], "")


def test_seeds_of_as_many_minutes_on_one_machine_are_of_one_setting(made):
    """Their steps were measured anew for each."""
    here = {"asked": {"minutes": 10.0}, "processor": "a", "threads": 2}
    runs = [
        made("first", about=here),
        made("second", 1, here, steps=5),
        made("batch", about=here, batch_size=8),
        made("minutes", about={**here, "asked": {"minutes": 5.0}}),
        made("machine", 2, {**here, "processor": "b"}),
        made("gpu", 2, {**here, "gpu": "T4"}),
        made("epochs", about={**here, "asked": {"epochs": 2.0}}),
        made("epochs again", 1, {"asked": {"epochs": 2.0}}),
        made("steps", 2, {"asked": {"epochs": 2.0}}, steps=5),
    ]
    assert [seeds for _, seeds, _ in told(*runs)] == [[0, 1], [0], [0], [2], [2], [0, 1], [2]]
