"""What to try next, given the verdict."""

import shlex
from itertools import pairwise
from typing import NamedTuple

from twofold.report.record import Record
from twofold.report.verdict import Answer

_LENGTHS = ("--minutes", "--epochs")


class NextStep(NamedTuple):
    """A sentence and the command that it speaks of."""

    why: str
    command: str


def next_step(record: Record, answer: Answer) -> NextStep:
    """Use what helped, judge what was not judged, mend what raised an alarm, train longer what did not."""
    run, data = str(record.folder), _data(record)
    labelled, labels = bool(record.said("data", "classes")), _labels(record)
    if answer == "yes":
        what = "the labels" if labelled else "whatever labels there are (a CSV file of path and label)"
        return NextStep(
            f"Make a classifier from it with {what}.", _typed("fit", run, "--data", data, *labels)
        )
    if answer == "untested":
        judge = "Find" if labelled else "Label a few images (a CSV file of path and label) and find"
        why = f"{judge} out what the encoder is worth."
        return NextStep(why, _typed("evaluate", run, "--data", data, *labels))
    if any("alarm" in line for line in record.log):
        why = "Change what the alarm says and train anew: longer training would not mend it."
        return NextStep(why, _typed(*_training(record, data), *_as_long(record, times=1)))
    why = "Train longer: short trainings on small data often end before they overtake raw pixels."
    return NextStep(why, _typed(*_training(record, data), *_as_long(record, times=2)))


def _data(record: Record) -> str:
    """What the user called the data."""
    return str(record.said("data", "open", "data") or record.said("data", "name") or "DATA")


def _labels(record: Record) -> list[str]:
    """The labels that the data was opened with; where it has none, those that are still to be written."""
    if not record.said("data", "classes"):
        return ["--labels", "labels.csv"]
    opened = str(record.said("data", "open", "labels") or "auto")
    return [] if opened == "auto" else ["--labels", opened]


def _training(record: Record, data: str) -> list[str]:
    """What was typed without the length; where that is not known, the method on the data."""
    try:
        _, *words = shlex.split(str(record.said("command") or ""))
    except ValueError:
        words = []
    if words[:1] in (["pretrain"], ["distill"]):
        return [
            word
            for before, word in pairwise(["", *words])
            if before not in _LENGTHS and word.partition("=")[0] not in _LENGTHS
        ]
    method = ["--method", str(name)] if (name := record.said("method", "name")) else []
    return ["pretrain", data, *method]


def _as_long(record: Record, times: int) -> tuple[str, ...]:
    for unit in ("minutes", "epochs"):
        if length := record.said("asked", unit):
            return (f"--{unit}", f"{times * length:g}")
    return ()


def _typed(*words: str) -> str:
    return shlex.join(("twofold", *words))
