"""What a measured figure is recorded with: the command, the commit and the machine."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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


def load(name: str) -> list[dict[str, Any]]:
    """Rows that are kept already."""
    path = KEPT / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return rows


def keep(name: str, rows: list[dict[str, Any]]) -> None:
    """Writes all rows."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
