import pytest

from twofold.data.screen import Screen


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_a_bar_inside_of_another_is_drawn_beneath_it(terminal, capsys):
    screen = Screen()
    with screen.bar("a-run: linear [1]"), screen.bar("strengths", 3):
        pass
    shown = capsys.readouterr().err
    assert shown.index("a-run: linear [1]") < shown.index("strengths")
    assert "0/3" in shown


def test_after_a_failure_bars_are_drawn_again(terminal, capsys):
    screen = Screen()
    with pytest.raises(KeyboardInterrupt), screen.bar("first", 2):
        raise KeyboardInterrupt
    capsys.readouterr()
    with screen.bar("second", 2) as advance:
        advance(1)
    shown = capsys.readouterr().err
    assert "second" in shown
    assert "first" not in shown


def test_who_is_silent_or_watched_by_nobody_draws_nothing(capsys):
    for screen in (Screen(), Screen(speaks=False)):
        with screen.bar("anything", 2) as advance:
            advance(2)
    assert capsys.readouterr().err == ""
