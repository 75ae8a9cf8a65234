"""The faster precision is measured once and kept."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from twofold.nn.encoder import Encoder
from twofold.train import precision
from twofold.train.engine import Engine

ENGINE = Engine(torch.device("cpu"), "bf16", 1, to_measure=True)
SPEC = Encoder("resnet18_w16", size=16).spec


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that a step is said to take; ``asked`` counts the measurements."""
    took: dict[str, float] = {"fp32": 1.0, "bf16": 2.0, "asked": 0}

    def seconds(*_: Any) -> dict[str, float]:
        took["asked"] += 1
        return {name: took[name] for name in ("fp32", "bf16")}

    monkeypatch.setattr(precision, "seconds_by_precision", seconds)
    return took


def test_the_faster_one_is_taken_told_and_kept(timed: dict[str, float], tmp_path: Path) -> None:
    told: list[str] = []
    kept = tmp_path / "cache" / "precision.json"
    assert precision.faster(ENGINE, SPEC, 16, kept, told.append).precision == "fp32"
    assert any("fp32 is 2.0 times" in line for line in told)

    timed["bf16"] = 0.5
    again = precision.faster(ENGINE, SPEC, 16, kept, told.append)
    assert again.precision == "fp32" and timed["asked"] == 1  # the same command, the same run

    others = (
        precision.faster(ENGINE, SPEC, 24, kept, told.append),
        precision.faster(ENGINE, {**SPEC, "name": "resnet18_w32"}, 16, kept, told.append),
        precision.faster(dataclasses.replace(ENGINE, threads=2), SPEC, 16, kept, told.append),
    )
    assert [other.precision for other in others] == ["bf16"] * 3 and timed["asked"] == 4


@pytest.mark.parametrize("content", ["", "[1]", '{"x": "fp8"}', "{", '{"x": 3}'])
def test_a_damaged_file_is_measured_anew(content: str, timed: dict[str, float], tmp_path: Path) -> None:
    kept = tmp_path / "precision.json"
    kept.write_text(content)
    assert precision.faster(ENGINE, SPEC, 16, kept, lambda _: None).precision == "fp32"
    assert list(json.loads(kept.read_text()).values()) == ["fp32"]


def test_both_are_really_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    took = precision.seconds_by_precision(ENGINE, SPEC, 16)
    assert set(took) == {"fp32", "bf16"} and min(took.values()) > 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("asked", "fast", "to_measure"),
    [("auto", "bf16", True), ("auto", "fp32", False), ("bf16", "bf16", False)],
)
def test_only_a_choice_that_is_open_is_measured(
    asked: Any, fast: str, to_measure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twofold.train.engine.fast_precision", lambda _: fast)
    assert Engine.start(asked, device="cpu", threads=1).to_measure == to_measure
