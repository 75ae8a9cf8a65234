"""How many steps some minutes are."""

import time
from itertools import accumulate

import pytest

from twofold.train.length import _Enough, _Stopwatch


def timed(pauses, seconds, monkeypatch):
    """A stopwatch after so many pauses, or when it has stopped the training; and after how many steps."""
    stamps = list(accumulate(pauses))
    watch = _Stopwatch(seconds)
    for step, stamp in enumerate(stamps, 1):
        monkeypatch.setattr(time, "monotonic", lambda stamp=stamp: stamp)
        try:
            watch()
        except _Enough:
            return watch, step
    raise AssertionError("it does not stop")


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 6), (3.9, 6), (10.0, 12)])
def test_so_many_steps_are_timed_as_fit_into_the_seconds(seconds, steps, monkeypatch):
    watch, stopped = timed([9.0, 9.0, *[1.0] * 50], seconds, monkeypatch)
    assert (watch.pause, stopped) == (1.0, steps)


def test_a_machine_that_was_busy_at_first_is_not_taken_for_slow(monkeypatch):
    busy = [3.0, 3.0, 3.0, 1.0, 3.0]
    assert timed([0.0, *busy, *[1.0] * 50], 0.0, monkeypatch)[0].pause == 3.0
    assert timed([0.0, *busy, *[1.0] * 50], 30.0, monkeypatch)[0].pause == 1.0
