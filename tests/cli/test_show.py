"""What a terminal, and a file in its place, are shown of a training."""

import io

import pytest
from rich.console import Console

from twofold.cli import _show
from twofold.cli._show import LiveShow, describe
from twofold.core.batch import Progress

FIGURES = {"loss": 4.1234, "images_per_second": 812.4, "seconds_left": 200.0}


def written(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    file = io.StringIO()
    monkeypatch.setattr(_show, "console", Console(file=file, force_terminal=terminal, width=120))
    return file


def run(show: LiveShow, steps: int) -> int:
    """How often figures are asked for."""
    asked = []
    with show:
        for step in range(1, steps + 1):
            show.step(Progress(step, steps, 0, 1), lambda: asked.append(1) or FIGURES)
    return len(asked)


def test_figures_that_are_not_there_are_not_shown() -> None:
    assert describe(FIGURES) == "loss 4.123  812 img/s  3:20 left"
    whole = {**FIGURES, "std": 0.934, "rank": 41.23, "knn": 0.512, "linear": 0.48}
    assert (
        describe(whole) == "loss 4.123  std 0.93  rank 41.2  812 img/s  3:20 left  k-NN 51.2%  linear 48.0%"
    )


def test_a_file_gets_a_line_each_twentieth_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(monkeypatch, terminal=False)
    assert run(LiveShow(), 1000) == 21
    assert len(file.getvalue().splitlines()) == 21


def test_lines_in_a_file_are_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(monkeypatch, terminal=False)
    show = LiveShow()
    show.note("an alarm " * 30)
    show.step(Progress(20, 20, 0, 1), lambda: {**FIGURES, "loss": 10.0**130})
    assert [len(line) > 120 for line in file.getvalue().splitlines()] == [True, True]


def test_a_terminal_asks_some_times_a_second_and_for_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, terminal=True)
    now = [0.0]

    def tick() -> float:
        now[0] += 0.001
        return now[0]

    monkeypatch.setattr(_show.time, "monotonic", tick)
    show = LiveShow()
    asked = []
    for step in range(1, 1001):
        show.step(Progress(step, 1000, 0, 1), lambda: asked.append(1) or FIGURES)
    assert 9 <= len(asked) <= 50
    assert show._bar.tasks[0].completed == 1000
