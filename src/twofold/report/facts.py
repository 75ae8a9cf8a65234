"""What a reader wants to know about a run, in words."""

import statistics
from collections.abc import Mapping
from typing import Any

from twofold.report.record import Record
from twofold.report.shown import figure

UNKNOWN = "not recorded"

_SOFTWARE = ("twofold", "torch", "timm", "python")


def facts(record: Record) -> list[tuple[str, str]]:
    """Term and description of every fact; what a run does not tell is said to be missing."""
    said = record.said
    return [
        ("Method", _method(record)),
        ("Encoder", _encoder(said("encoder"))),
        ("Data", _joined(said("data", "name"), _count(said("data", "images"), "images"))),
        ("Views", _text(said("recipe", "name"))),
        ("Length", _joined(_count(said("epochs"), "epochs"), _count(said("steps"), "steps"))),
        ("Batch", _count(said("batch_size"), "images") or UNKNOWN),
        ("Speed", _speed(record)),
        ("Time", _time(record)),
        ("Seed", _text(said("seed"))),
        ("Precision", _text(said("precision"))),
        ("Machine", _machine(record)),
        ("Software", _software(record)),
        ("Key", _text(said("key"))),
        *_inexact(said("inexact")),
    ]


def _method(record: Record) -> str:
    arguments = record.said("method", "arguments") or {}
    settings = (f"{name.replace('_', ' ')} {_text(value)}" for name, value in arguments.items())
    return _joined(_text(record.said("method", "name")), *settings)


def _encoder(encoder: Any) -> str:
    if not isinstance(encoder, Mapping):
        return _text(encoder)
    size, channels = encoder.get("size"), encoder.get("channels")
    colours = {1: "gray", 3: "colour"}.get(channels or 0)
    return _joined(encoder.get("name"), f"{size} px" if size else None, colours)


def _speed(record: Record) -> str:
    """The median over the run: the first steps are slow and say nothing about the rest."""
    speeds = [line["images_per_second"] for line in record.log if line.get("images_per_second")]
    return f"{statistics.median(speeds):,.0f} images/s" if speeds else UNKNOWN


def _time(record: Record) -> str:
    seconds = max((line["seconds"] for line in record.log if line.get("seconds")), default=0)
    if not seconds:
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in units if amount) or "less than a second"


def _machine(record: Record) -> str:
    device, processes = record.said("device"), record.said("processes")
    return _joined(
        record.said("processor"),
        None if device == "cpu" else device,
        None if processes == 1 else _count(processes, "processes"),
        _count(record.said("threads"), "threads"),
    )


def _software(record: Record) -> str:
    return _joined(*(f"{name} {number}" for name in _SOFTWARE if (number := record.said(name))))


def _inexact(marks: Any) -> list[tuple[str, str]]:
    """Where the run was resumed elsewhere than it began."""
    if not marks:
        return []
    told = (f"from step {mark['step']} on: {', '.join(mark['because'])}" for mark in marks)
    return [("Not bit-exact", "; ".join(told))]


def _count(number: Any, unit: str) -> str | None:
    if not isinstance(number, int | float):
        return None
    amount = f"{number:,}" if isinstance(number, int) else figure(number, share=False)
    return f"{amount} {unit.removesuffix('s') if number == 1 else unit}"


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part) or UNKNOWN


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)
