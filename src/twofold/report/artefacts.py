"""Pictures and tables of protocols, fit for a page that needs nothing but itself."""

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from twofold.core.evaluation import Artefact
from twofold.report.grid import ROLES, Row, protocol_title, role

_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
_LONGEST = 200


@dataclass(frozen=True)
class Exhibit:
    """One artefact.

    Args:
        title: Of whom it is.
        caption: What a reader sees.
        file: Its name.
        uri: All of it, as an address.
        picture: Whether it can be shown as a picture.
        lines: Cells of a table, where it is one that is short enough to be shown.
    """

    title: str
    caption: str
    file: str
    uri: str
    picture: bool
    lines: Sequence[Sequence[str]] = ()


def exhibits(artefacts: Sequence[Artefact]) -> dict[str, list[Exhibit]]:
    """By protocol; of one protocol the same file of all subjects side by side, in the table's order."""
    found: dict[str, list[Exhibit]] = {}
    for artefact in sorted(
        artefacts, key=lambda one: (one.evaluation, one.name, ROLES.index(role(one.subject)))
    ):
        found.setdefault(protocol_title(artefact.evaluation), []).append(_exhibit(artefact))
    return found


def _exhibit(artefact: Artefact) -> Exhibit:
    suffix = PurePosixPath(artefact.name).suffix.lower()
    kind = _PICTURES.get(suffix, "application/octet-stream")
    uri = f"data:{kind};base64,{base64.b64encode(artefact.content).decode('ascii')}"
    lines = _lines(artefact.content) if suffix == ".csv" else []
    if len(lines) > _LONGEST:
        lines = []
    whose = Row(artefact.subject, role(artefact.subject), ())
    note = "" if whose.role == "trained" else whose.note  # the page is the run's own
    title = ", ".join(filter(None, (whose.title, note)))
    return Exhibit(title, artefact.caption, artefact.name, uri, suffix in _PICTURES, lines)


def _lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8", errors="replace"))))
