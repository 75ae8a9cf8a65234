import pytest

from twofold.core.batch import Progress
from twofold.train import pace
from twofold.train.pace import Pace


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only the test moves."""
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def test_it_is_that_of_the_recent_steps(clock):
    watched = Pace(batch_size=8, began=0.0)
    for step in range(200):
        clock[0] += 10.0 if step < 100 else 0.5
        watched.tick(waited=clock[0] / 4)
    assert watched.images_per_second == pytest.approx(16)
    assert watched.data_wait == pytest.approx(0.25)
    assert watched.seconds_left(Progress(200, 300, 0, 1)) == pytest.approx(50)
    assert watched.seconds == pytest.approx(1050)


def test_before_the_second_step_nothing_is_known(clock):
    watched = Pace(batch_size=8)
    assert (watched.images_per_second, watched.data_wait) == (0, 0)
    watched.tick(waited=0.0)
    assert (watched.images_per_second, watched.data_wait) == (0, 0)
