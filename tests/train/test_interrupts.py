import os
import signal
import time

import pytest

from twofold.core.processes import LAUNCHED
from twofold.train.interrupts import interrupts


def test_a_signal_asks_to_stop_and_a_later_one_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with interrupts() as asked_to_stop:
        assert not asked_to_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # passed on by a launcher that got it, too
        assert asked_to_stop()
        later = time.monotonic() + 2
        monkeypatch.setattr(time, "monotonic", lambda: later)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("launched", [True, False])
def test_only_who_has_a_launcher_stops_when_the_parent_is_gone(
    launched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if launched:
        monkeypatch.setenv(LAUNCHED, str(os.getppid()))
    with interrupts() as asked_to_stop:
        assert not asked_to_stop()
        monkeypatch.setattr(os, "getppid", lambda: 1)
        assert asked_to_stop() == launched
