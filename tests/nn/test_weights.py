"""What is told of a file of weights that cannot be written."""

import errno
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from twofold.nn.encoder import Encoder
from twofold.nn.weights import save_encoder, save_parts


@pytest.fixture
def no_room():
    """Files may have 1000 bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: save_parts({"projector": nn.Linear(64, 64)}, path),
        lambda path: save_encoder(Encoder("resnet18_w4", size=16), path),
    ],
    ids=["parts", "encoder"],
)
@pytest.mark.usefixtures("no_room")
def test_a_full_disk_is_an_error_of_the_system(write: Callable[[Path], None], tmp_path: Path) -> None:
    """safetensors has an error of its own for it, of which the command line could tell nothing."""
    path = tmp_path / "some.safetensors"
    with pytest.raises(OSError, match="too large") as caught:
        write(path)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert not list(tmp_path.iterdir())


def test_equal_encoders_are_equal_files(tmp_path: Path) -> None:
    """The system's hash of a file is what people compare; of dicts, safetensors has no order."""
    encoder = Encoder("resnet18_w4", size=16)
    for number in range(8):
        encoder.spec = dict(reversed(encoder.spec.items()))
        save_encoder(encoder, tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_who_may_read_the_run_may_read_its_weights(tmp_path: Path) -> None:
    beside = tmp_path / "spec.json"
    beside.write_text("{}")
    save_parts({"projector": nn.Linear(2, 2)}, tmp_path / "parts.safetensors")
    save_encoder(Encoder("resnet18_w4", size=16), tmp_path / "encoder.safetensors")
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1
