"""The log of a training: one JSON object a line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Log:
    """Appends to ``log.jsonl``.

    Every line has ``step``. Lines of figures have ``loss`` and what the monitors measure, see
    ``train/monitors.py``; the line of step 1 is about the untrained network. A line of an alarm has its name
    and text instead, as ``alarm`` and ``text``.

    Args:
        path: The file.
    """

    path: Path

    def figures(self, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        """What was measured at a step, to six digits."""
        rounded = {name: float(f"{value:.6g}") for name, value in figures.items()}
        self._append({"step": step, "epoch": epoch, **rounded})

    def alarm(self, step: int, name: str, text: str) -> None:
        """What went wrong."""
        self._append({"step": step, "alarm": name, "text": text})

    def _append(self, line: dict[str, object]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            error.filename = error.filename or str(self.path)  # of a full disk, nobody says where it is
            raise
