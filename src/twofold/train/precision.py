"""Which precision is faster for an encoder on this processor: measured, once, and kept.

A processor that multiplies bf16 in hardware is not always faster with it: networks of small or depthwise
convolutions lose more in conversions than they gain in products.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from twofold.core import dist
from twofold.core.files import write_text
from twofold.nn.encoder import Encoder
from twofold.train.engine import Engine
from twofold.train.environment import processor

ROUNDS = 3
PIXELS = 64 * 32**2
"""Of all images of a trial step together. A training step has more: no memory is taken that it lacks."""


def faster(
    engine: Engine, encoder: dict[str, Any], side: int, kept: Path, tell: Callable[[str], None]
) -> Engine:
    """The engine with the precision in which a step of the encoder takes less time.

    The answer is kept for the same encoder, processor, threads and version of torch, so that the same command
    means the same run tomorrow.

    Args:
        engine: With the precision that the processor's kind suggests.
        encoder: Its spec.
        side: Of the views in pixels.
        kept: JSON file of earlier answers.
        tell: Is told what was measured.
    """
    key = _key(engine, encoder, side)
    answers = _read(kept)
    if key not in answers:
        tell("measuring bf16 against fp32 ...")
        took = seconds_by_precision(engine, encoder, side)
        answers[key] = min(took, key=lambda precision: took[precision])
        ratio = max(took.values()) / min(took.values())
        tell(f"{answers[key]} is {ratio:.1f} times as fast here")
        _keep(kept, answers)
    half = dist.from_first(answers[key] == "bf16")
    return dataclasses.replace(engine, precision="bf16" if half else "fp32")


def seconds_by_precision(
    engine: Engine, spec: dict[str, Any], side: int
) -> dict[Literal["fp32", "bf16"], float]:
    """Median seconds of forward and backward, in turns."""
    with torch.random.fork_rng():
        count = min(64, max(2, PIXELS // side**2))
        images = torch.rand(count, spec["channels"], side, side)
        encoder = dataclasses.replace(engine, compiled=False).place(Encoder(**spec))
    engines = {name: dataclasses.replace(engine, precision=name) for name in ("fp32", "bf16")}
    took: dict[Any, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS + 1):
        for name, one in engines.items():
            took[name].append(_seconds(encoder, images, one))
    return {name: median(times[1:]) for name, times in took.items()}  # the first is a warm-up


def _seconds(encoder: Encoder, images: Float[Tensor, "b c h w"], engine: Engine) -> float:
    start = time.perf_counter()
    with engine.autocast():
        h = encoder(images.to(engine.device))
    h.float().square().mean().backward()
    return time.perf_counter() - start


def _key(engine: Engine, encoder: dict[str, Any], side: int) -> str:
    asked = [encoder["name"], encoder["channels"], encoder["size"], side, engine.threads]
    return hashlib.sha256(json.dumps([*asked, processor(), torch.__version__]).encode()).hexdigest()[:16]


def _read(kept: Path) -> dict[str, Any]:
    """Earlier answers; none where the file is missing or damaged."""
    try:
        answers = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in answers.items() if v in ("fp32", "bf16")} if isinstance(answers, dict) else {}


def _keep(kept: Path, answers: dict[str, Any]) -> None:
    try:
        write_text(kept, json.dumps(answers, indent=1) + "\n")
    except OSError:
        return  # it is measured again next time
