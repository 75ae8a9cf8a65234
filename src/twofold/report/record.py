"""What a run folder holds, read back with patience: a run may be young, killed or without labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError
from twofold.core.evaluation import Artefact, Score
from twofold.core.run import RunFolder


@dataclass(frozen=True)
class Record:
    """A run, as its folder tells it.

    Args:
        folder: The run folder.
        spec: What was run.
        log: One mapping a logged step, in the order of the steps.
        scores: All figures of ``scores.json``.
        views: The sheet of views as PNG, where there is one.
        artefacts: Pictures and tables that came out of judging; those that were removed since are left out.
    """

    folder: Path
    spec: Mapping[str, Any]
    log: Sequence[Mapping[str, Any]]
    scores: Sequence[Score]
    views: bytes | None
    artefacts: Sequence[Artefact] = ()

    def said(self, *keys: str) -> Any:
        """A value of the spec by its path, as ``record.said("method", "name")``; None where it is missing."""
        value: Any = self.spec
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def read_record(path: Path) -> Record:
    """Reads a run folder.

    Raises:
        TwofoldError: If it is not a run folder, or a file in it is damaged.
    """
    folder = RunFolder.open(path)
    views = path / "views.png"
    try:
        return Record(
            folder=path,
            spec=folder.spec,
            log=list(folder.log()),
            scores=[Score(**score) for score in folder.scores()],
            views=views.read_bytes() if views.is_file() else None,
            artefacts=_artefacts(folder),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise TwofoldError(
            f"a JSON file in {path} is damaged ({error}); run the command that wrote it again"
        ) from None


def _artefacts(folder: RunFolder) -> list[Artefact]:
    """None from elsewhere, whatever a file that came from strangers says."""
    place = (folder.path / "artefacts").resolve()
    found = [((place / entry.pop("file")).resolve(), entry) for entry in folder.artefacts()]
    return [
        Artefact(**entry, content=path.read_bytes())
        for path, entry in found
        if path.is_file() and path.is_relative_to(place)
    ]
