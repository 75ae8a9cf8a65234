"""``twofold.load``: a trained encoder, ready to use."""

from pathlib import Path
from typing import Any

from twofold.apply.transform import Transform
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import RunFolder
from twofold.data.opening import settings_from
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder


def load(run: str | Path, *, value_range: str | None = None) -> Encoder:
    """The encoder of a run in eval mode, with its ``transform``.

    ``encoder.transform`` makes an image file, a PIL image, an array or a list of these into colours in
    [0, 1] that the encoder takes::

        encoder = twofold.load("runs/2025-06-01-simclr-photos-s0-1a2b3c4d")
        vectors = encoder(encoder.transform(["one.jpg", "two.png"]))

    Args:
        run: A run folder, a classifier folder, or an ``encoder.safetensors``.
        value_range: ``LOW:HIGH``, which become black and white in images of more than 8 bits; None is
            what the run's data was opened with.

    Raises:
        UsageError: If there is no such run.
        TwofoldError: If the run has no encoder yet, or the file is damaged.
    """
    encoder = load_encoder(encoder_file(Path(run)))
    spec = encoder.spec
    settings = settings_from(None, None, value_range or _range_of(Path(run)))
    encoder.transform = Transform(spec["size"], spec["channels"], settings)
    return encoder


def refuse_missing(run: str) -> None:
    """Says that there is no such run before an hour is spent on decoding its data.

    Args:
        run: As a user writes it; ``timm:NAME``, ``random:NAME`` and ``pixels`` are no files.

    Raises:
        UsageError: If there is no such run.
        TwofoldError: If the run has no encoder yet.
    """
    if run != "pixels" and not run.startswith(("timm:", "random:")):
        encoder_file(Path(run))


def encoder_file(run: Path) -> Path:
    """Where the weights of a run, a classifier folder or an encoder file lie.

    Raises:
        UsageError: If there is no such run.
        TwofoldError: If the run has no encoder yet.
    """
    if run.is_file():
        return run
    if not run.is_dir():
        raise UsageError(f"there is no run folder {run} (see: twofold runs)")
    file = run / "encoder.safetensors"
    if not file.is_file():
        RunFolder.open(run)
        raise TwofoldError(
            f"{run} has no encoder yet: the training was stopped; go on with: twofold pretrain --resume {run}"
        )
    return file


def _range_of(run: Path) -> str | None:
    """What the run's data was opened with, so that the same images are the same pixels again."""
    if not (run / "spec.json").is_file():
        return None
    opened: dict[str, Any] = RunFolder(run).spec["data"].get("open", {})
    return opened.get("value_range")
