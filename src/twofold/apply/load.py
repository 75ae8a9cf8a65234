"""``twofold.load``: a trained encoder, ready to use."""

from pathlib import Path
from typing import Any

from twofold.apply.classifier import load_classifier
from twofold.apply.transform import Transform
from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import RunFolder
from twofold.data.opening import settings_from
from twofold.nn.class_network import ABOUT
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_encoder
from twofold.train.warm_start import encoder_in


def load(run: str | Path, *, value_range: str | None = None) -> Encoder:
    """The encoder of a run in eval mode, with its ``transform``.

    ``encoder.transform`` makes an image file, a PIL image, an array or a list of these into colours in
    [0, 1] that the encoder takes::

        encoder = twofold.load("runs/2025-06-01-simclr-photos-s0-1a2b3c4d")
        vectors = encoder(encoder.transform(["one.jpg", "two.png"]))

    No gradients are kept: to train it, ``encoder.requires_grad_(True).train()``.

    Args:
        run: A run folder, a classifier folder, an ``encoder.safetensors``, or a run's ``last.ckpt``.
        value_range: ``LOW:HIGH``, which become black and white in images of more than 8 bits; None is
            what they were in the data of the run or the classifier.

    Raises:
        UsageError: If there is no such run.
        TwofoldError: If the run has no encoder yet, or the file is damaged.
    """
    if (Path(run) / ABOUT).is_file():
        classifier = load_classifier(Path(run), value_range=value_range)
        classifier.encoder.transform = classifier.transform
        return classifier.encoder.requires_grad_(False)
    file = encoder_file(Path(run))
    encoder = encoder_in(file) if file.suffix == ".ckpt" else load_encoder(file)
    opened = _opened(file.parent)
    value_range = value_range or opened.get("value_range")
    settings = settings_from(opened.get("size"), opened.get("store_size"), value_range)
    encoder.transform = Transform(encoder.spec["size"], encoder.spec["channels"], settings)
    return encoder.requires_grad_(False)


def refuse_missing(run: str) -> None:
    """Says that there is no such run before an hour is spent on decoding its data.

    Args:
        run: As a user writes it: ``RUN@PART`` is inside of a run; ``timm:NAME``, ``torchvision:NAME``,
            ``random:NAME`` and ``pixels`` are no files.

    Raises:
        UsageError: If there is no such run.
        TwofoldError: If the run has no encoder yet.
    """
    if run == "pixels" or run.startswith(("timm:", "torchvision:", "random:")):
        return
    encoder_file(Path(run if Path(run).exists() else run.rpartition("@")[0] or run))


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
            f"{run} has no encoder yet: the training was stopped; "
            f"go on with: twofold pretrain --resume {run}, or take {run / 'last.ckpt'}"
        )
    return file


def _opened(run: Path) -> dict[str, Any]:
    """How the run's data was opened, so that the same images are the same pixels again."""
    if not (run / "spec.json").is_file():
        return {}
    opened: dict[str, Any] = RunFolder(run).spec["data"].get("open", {})
    return opened
