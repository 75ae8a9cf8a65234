"""Where a run was computed, for the record."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from twofold.core import dist, registry
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
    """What exactness depends on, and versions; threads are those of each process."""
    return {
        "processes": dist.world_size(),
        "threads": engine.threads,
        "compiled": engine.compiled,
        "device": str(engine.device),
        "gpu": torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else None,
        "processor": processor(),
        "renderer": renderer(),
        "python": sys.version.split()[0],
        "numpy": version("numpy"),
        "torch": torch.__version__,
        "timm": version("timm"),
        "twofold": version("twofold"),
    }


def differences(recorded: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What keeps a resumed run from being bit-exact, as ``threads was 2 and is now 1``.

    Args:
        recorded: What the run tells of where it began.
        now: The environment of this process.
    """
    untold = {"processes": 1, "compiled": False, "numpy": now["numpy"]}  # by older runs
    began = {**untold, **recorded}
    return [
        f"{name} was {began.get(name)} and is now {value}"
        for name, value in now.items()
        if name != "python" and began.get(name) != value
    ]


def revised(method: dict[str, Any]) -> list[str]:
    """The same, of what the method itself computes.

    Args:
        method: Its name and revision, as the run tells them.
    """
    began, now = method["revision"], registry.find("methods", method["name"]).revision
    return [f"revision of {method['name']} was {began} and is now {now}"] if began != now else []


def processor() -> str:
    """The processor's name, with family and model: hosts in the cloud call several generations alike."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        first = ""
    facts = {
        name.strip(): fact.strip() for name, _, fact in (row.partition(":") for row in first.splitlines())
    }
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    family, model = facts.get("cpu family"), facts.get("model")
    return facts["model name"] + (f" (family {family}, model {model})" if family and model else "")
