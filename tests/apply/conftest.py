from pathlib import Path

import pytest

from colours import make_images, make_run
from fitted import EACH, fitted
from twofold.apply.fit import Wish


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and 15 labelled images of each of three colours."""
    place = tmp_path_factory.mktemp("place")
    make_run(place / "run")
    make_images(place / "images", EACH)
    return place


@pytest.fixture(scope="package")
def linear(place: Path) -> Path:
    fitted(place, Wish()).save(place / "linear")
    return place / "linear"
