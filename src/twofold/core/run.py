"""A run: exactly what decides the weights, its key, and the folder it lives in."""

import datetime
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError
from twofold.core.files import write_text


@dataclass(frozen=True)
class Run:
    """Everything that decides what is learned, resolved; the key is a hash of all of it.

    Args:
        method: ``name``, ``revision`` and constructor ``arguments``.
        encoder: The encoder's spec.
        data: ``name``, ``fingerprint`` of the whole, ``learned_from``: that of what the training sees (absent
            in older runs), ``images`` trained on, and how to open it again.
        recipe: The views, as plain data.
        view_size: Side of a global view in pixels.
        optimizer: Its spec.
        batch_size: Images a step, over all processes.
        steps: Optimiser steps in all.
        epochs: Passes over the data, for reading: ``steps`` decides.
        seed: Of weights, order and views.
        precision: ``fp32`` or ``bf16``.
        parents: Runs or weights this one starts from.
        micro_batch: Views that go through the encoder at once; None is all.
        freeze: Parts of the method whose weights stay as they were drawn.
    """

    method: dict[str, Any]
    encoder: dict[str, Any]
    data: dict[str, Any]
    recipe: dict[str, Any]
    view_size: int
    optimizer: dict[str, Any]
    batch_size: int
    steps: int
    epochs: float
    seed: int
    precision: str
    parents: dict[str, Any] = field(default_factory=dict)
    micro_batch: int | None = None
    freeze: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Eight hexadecimal digits; equal for runs that must learn the same weights."""
        return _digest(self.deciding())

    def deciding(self) -> dict[str, Any]:
        """What the key is a hash of."""
        content = asdict(self)
        content["data"] = {"fingerprint": self.data.get("learned_from", self.data["fingerprint"])}
        del content["epochs"]
        for unused in ("micro_batch", "freeze"):
            if not content[unused]:
                del content[unused]
        if not content["optimizer"].get("warmup_start"):
            content["optimizer"].pop("warmup_start", None)
        return content

    @property
    def folder_name(self) -> str:
        """``<date>-<method>-<data>-s<seed>-<key>``."""
        today = datetime.date.today().isoformat()
        data = re.sub(r"[^A-Za-z0-9_.]+", "_", self.data["name"])[:40]
        return f"{today}-{self.method['name']}-{data}-s{self.seed}-{self.key}"


def same_run(out: Path, run: Run) -> str | None:
    """Where the very same run is already, and how to go on with it, in words; None where it is not.

    Args:
        out: Folder of all runs.
        run: What is hashed.
    """
    same = min((path.parent for path in out.glob(f"*-{run.key}/spec.json")), default=None)
    if same is None:
        return None
    finished = (same / "encoder.safetensors").is_file()
    on = (
        f"judge it with: twofold evaluate {same}"
        if finished
        else f"go on with: twofold pretrain --resume {same}"
    )
    return f"this very run exists already: {same} (same method, images, settings and seed); {on}"


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: ``spec.json``, ``log.jsonl``, ``scores.json``, checkpoints, pictures."""

    path: Path

    @classmethod
    def create(cls, out: Path, run: Run, about: Mapping[str, Any]) -> "RunFolder":
        """Makes the folder and writes the spec.

        Args:
            out: Folder of all runs.
            run: What is hashed.
            about: What is only recorded: versions, threads, the command.

        Raises:
            TwofoldError: If the very same run is there already, or the folder cannot be written.
        """
        if there_is := same_run(out, run):
            raise TwofoldError(f"{there_is}, choose another --seed, or delete it")
        folder = cls(out / run.folder_name)
        spec = {**asdict(run), "key": run.key, **about}
        try:
            folder.path.mkdir(parents=True, exist_ok=True)  # there already if it was killed right here
            write_text(folder.path / "spec.json", json.dumps(spec, indent=2) + "\n")
        except OSError as error:
            raise TwofoldError(f"cannot write the run folder {folder.path}: {error.strerror}") from None
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run.

        Raises:
            TwofoldError: If there is no ``spec.json`` in it.
        """
        if not (path / "spec.json").is_file():
            raise TwofoldError(f"{path} is not a run folder: it has no spec.json (see: twofold runs)")
        return cls(path)

    @property
    def spec(self) -> dict[str, Any]:
        """The whole spec as written, with what was only recorded.

        Raises:
            TwofoldError: If it is damaged.
        """
        loaded: dict[str, Any] = _read(self.path / "spec.json", dict)
        return loaded

    @property
    def run(self) -> Run:
        """The spec as a ``Run``.

        Raises:
            TwofoldError: If it is damaged.
        """
        spec, file = self.spec, self.path / "spec.json"
        needed = [f.name for f in fields(Run) if f.default is MISSING and f.default_factory is MISSING]
        missing = [name for name in needed if name not in spec]
        if missing:
            raise TwofoldError(f"{file} is damaged: it does not tell {', '.join(missing)}")
        told = {f.name: spec[f.name] for f in fields(Run) if f.name in spec}
        wrong = [name for name, value in told.items() if not _is_a(_KINDS[name], value)]
        if wrong:
            raise TwofoldError(f"{file} is damaged: what it tells of {', '.join(wrong)} makes no sense")
        return Run(**told)

    def log(self) -> Iterator[dict[str, Any]]:
        """Lines of ``log.jsonl``, up to one that is torn or damaged."""
        path = self.path / "log.jsonl"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for written in text.splitlines():
            try:
                line = json.loads(written)
            except (ValueError, RecursionError):
                return
            if not isinstance(line, dict) or not _is_a((int,), line.get("step")):
                return
            yield line

    def cut_log(self, step: int) -> None:
        """Drops the lines after ``step``, which a resumed run will write again."""
        kept = [json.dumps(line) for line in self.log() if line["step"] <= step]
        write_text(self.path / "log.jsonl", "".join(f"{line}\n" for line in kept))

    def mark_inexact(self, step: int, differences: list[str]) -> None:
        """Records that the run is not bit-exact from ``step`` on, and why; where there is no why, nothing."""
        if not differences:
            return
        spec = self.spec
        marks = [*spec.get("inexact", []), {"step": step, "because": differences}]
        write_text(self.path / "spec.json", json.dumps({**spec, "inexact": marks}, indent=2) + "\n")

    def scores(self) -> list[dict[str, Any]]:
        """What ``scores.json`` holds; empty where nothing was judged yet.

        Raises:
            TwofoldError: If it is damaged.
        """
        path = self.path / "scores.json"
        found: list[dict[str, Any]] = _read(path, list) if path.is_file() else []
        return found

    def artefacts(self) -> list[dict[str, Any]]:
        """What ``artefacts.json`` holds: file, subject, evaluation, name and caption of each.

        Raises:
            TwofoldError: If it is damaged.
        """
        path = self.path / "artefacts.json"
        found: list[dict[str, Any]] = _read(path, list) if path.is_file() else []
        return found


_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("method", "encoder", "data", "recipe", "optimizer", "parents"), (dict,)),
    **dict.fromkeys(("view_size", "batch_size", "steps", "seed"), (int,)),
    "epochs": (int, float),
    "precision": (str,),
    "micro_batch": (int, type(None)),
    "freeze": (list,),
}
"""What each part of a run is in JSON."""


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _is_a(kinds: tuple[type, ...], value: Any) -> bool:
    """True and False are numbers to Python, but not to a reader."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def _read(path: Path, kind: type) -> Any:
    """What a JSON file holds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TwofoldError(f"{path} is damaged: {error}") from None
    if not isinstance(content, kind):
        raise TwofoldError(f"{path} is damaged: it holds no {kind.__name__}")
    return content
