from pathlib import Path

import pytest

from twofold.report.next_step import next_step
from twofold.report.record import Record


def advice(answer, **data):
    spec = {"data": {"open": {"data": "photos"}, **data}, "command": "twofold pretrain photos"}
    return next_step(Record(Path("runs/1"), spec, [], [], None), answer)


@pytest.mark.parametrize(("answer", "command"), [("yes", "fit"), ("untested", "evaluate")])
def test_labels_that_are_there_are_used(answer, command):
    step = advice(answer, classes=5)
    assert step.command == f"twofold {command} runs/1 --data photos"
    assert "CSV" not in step.why
    listed = advice(answer, classes=5, open={"data": "photos", "labels": "my labels.csv"})
    assert listed.command == f"twofold {command} runs/1 --data photos --labels 'my labels.csv'"


@pytest.mark.parametrize("answer", ["yes", "untested"])
def test_where_there_are_none_they_are_asked_for(answer):
    step = advice(answer, classes=0)
    assert step.command.endswith("--data photos --labels labels.csv")
    assert "a CSV file of path and label" in step.why


def test_after_an_alarm_something_else_has_to_change_than_the_length():
    typed = {"command": "twofold pretrain photos", "asked": {"minutes": 5.0}}
    spec = {"data": {"open": {"data": "photos"}}, **typed}
    steps = [
        next_step(Record(Path("runs/1"), spec, log, [], None), "no")
        for log in ([], [{"step": 3, "alarm": "collapse", "text": "it is collapsing"}])
    ]
    assert [step.command.split()[-1] for step in steps] == ["10", "5"]
    assert "the alarm" in steps[1].why
