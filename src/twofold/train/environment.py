"""Where a run was computed, for the record."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from twofold.train.engine import Engine
from twofold.train.resolve import Resolved
from twofold.views.kernel import renderer


def about(engine: Engine, command: str, resolved: Resolved) -> dict[str, Any]:
    """All of a run that is recorded but decides nothing: what was typed and asked for, where it ran.

    Args:
        engine: Where it runs.
        command: What was typed.
        resolved: What was asked for, completed.
    """
    asked = {"minutes": resolved.minutes} if resolved.minutes else {"epochs": resolved.epochs}
    return {"command": command, "asked": asked, **environment(engine)}


def environment(engine: Engine) -> dict[str, Any]:
    """What exactness depends on, and versions."""
    return {
        "threads": engine.threads,
        "compiled": engine.compiled,
        "device": str(engine.device),
        "processor": processor(),
        "renderer": renderer(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "timm": version("timm"),
        "twofold": version("twofold"),
    }


def processor() -> str:
    """Model name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
