"""What a measured figure is recorded with: the command, the commit and the machine."""

import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from twofold.train.environment import processor

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "results"


def twofold(*words: str) -> float:
    """Runs a command as a user types it; the seconds it took."""
    print("twofold", *words, flush=True)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "twofold", *words], check=True)
    return round(time.monotonic() - began, 1)


def commit(*places: str) -> str:
    """The commit that is measured; a plus sign behind it where the given places were changed since."""
    return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", *places) else "")


def machine_of(spec: dict[str, Any]) -> str:
    """Where a run was computed, in words."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{spec['processor']}, {cores} cores, {platform.system()}, "
        f"torch {spec['torch']}, {spec['precision']}, views by {spec['renderer']}"
    )


def machine() -> dict[str, Any]:
    """The processor, the cores this process may use, and the instructions that matter here."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = facts.get("flags", "").split()
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [
            name
            for name in ("avx2", "fma", "avx512f", "avx512bw", "avx512_bf16", "amx_bf16")
            if name in flags
        ],
        "system": platform.system(),
        "python": platform.python_version(),
    }


def load(name: str) -> list[dict[str, Any]]:
    """Rows that are kept already."""
    path = KEPT / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return rows


def keep(name: str, found: Any) -> None:
    """Writes all rows, or the whole record, as far as there is one."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def keep_here(name: str, record: dict[str, Any]) -> None:
    """Writes a record in the place of the one that this kind of machine has, beside those of others."""
    here = record["machine"]["processor"]
    keep(name, [*(other for other in load(name) if other["machine"]["processor"] != here), record])


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
