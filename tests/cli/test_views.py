"""``twofold views`` where the picture would become data."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twofold.cli import main


@pytest.mark.parametrize("words", [[], ["--out", "sheets/views.png"]])
def test_a_picture_is_not_written_into_the_data(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    draw = np.random.default_rng(0)
    for number in range(2):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    assert main(["views", ".", *words]) == 2
    error = capsys.readouterr().err
    assert "write it elsewhere with --out" in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png"]
