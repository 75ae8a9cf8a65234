"""A classifier on disk: a folder that may be moved, with all that is needed to label new images."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.apply.distance import Distance
from twofold.apply.transform import Transform
from twofold.core.errors import TwofoldError
from twofold.core.files import write_aside, write_text
from twofold.data.decode import Settings
from twofold.data.opening import settings_from
from twofold.nn.class_network import ABOUT, ENCODER, HEAD, HeadKind, load_class_network
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_parts, save_encoder, save_parts


@dataclass(frozen=True)
class About:
    """What is known of a classifier, as ``classifier.json`` tells it.

    Args:
        classes: Their names; outputs are positions in it.
        head: ``linear`` or ``mlp``.
        finetuned: Whether the encoder was trained too.
        origin: Whose encoder it started from.
        data: ``name``, ``fingerprint`` and number of labelled ``images`` it was fitted on.
        decode: How images are decoded: ``short_side`` in pixels, and the ``value_range`` of images of
            more than 8 bits.
        shipped: How the held-out scores relate to what is in the folder, in words.
        scores: Of the fit whose judged images were held out: accuracy first.
        record: Versions, seed and command.
    """

    classes: tuple[str, ...]
    head: HeadKind
    finetuned: bool
    origin: str
    data: dict[str, Any]
    decode: dict[str, Any]
    shipped: str
    scores: tuple[dict[str, Any], ...]
    record: dict[str, Any]


class Output(NamedTuple):
    """What a classifier says of a batch.

    Args:
        probabilities: Of each class; they sum to 1.
        distance: To the nearest training images: 1 minus the cosine.
        percentile: Share of held-out training images that were nearer, in [0, 100].
    """

    probabilities: Float[Tensor, "b classes"]
    distance: Float[Tensor, " b"]
    percentile: Float[Tensor, " b"]


class Classifier(nn.Module):
    """Encoder, head and distance to the training data, in eval mode.

    Args:
        about: What is known of it.
        encoder: Turns images into vectors.
        head: Turns vectors into logits.
        distance: How far a vector is from the training data.
    """

    def __init__(self, about: About, encoder: Encoder, head: nn.Module, distance: Distance) -> None:
        super().__init__()
        self.about = about
        self.encoder = encoder
        self.head = head
        self.distance = distance
        decode = about.decode
        settings = Settings(decode["short_side"], decode["value_range"] and tuple(decode["value_range"]))
        self.transform = Transform(encoder.spec["size"], encoder.spec["channels"], settings)
        self.eval()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Output:
        """Of colours in [0, 1], as ``transform`` makes them."""
        h = self.encoder(x).float()
        with torch.autocast(h.device.type, enabled=False):
            distance = self.distance(h)
            return Output(self.head(h).softmax(dim=1), distance, self.distance.percentile(distance))

    def save(self, folder: Path) -> None:
        """Writes the folder, whole or not at all.

        Raises:
            TwofoldError: If it exists already or cannot be written.
        """
        refuse_existing(folder)
        try:
            with write_aside(folder) as aside:
                aside.mkdir()
                save_encoder(self.encoder, aside / ENCODER)
                save_parts({"head": self.head, "distance": self.distance}, aside / HEAD)
                write_text(aside / ABOUT, json.dumps(asdict(self.about), indent=2) + "\n")
        except OSError as error:
            raise TwofoldError(f"cannot write the classifier {folder}: {error.strerror}") from None


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds a classifier's place while it is fitted: whoever comes second is refused before hours are spent.

    The place is an empty folder that is gone afterwards, with those around it that were not there before; a
    fit that is killed leaves it.

    Raises:
        TwofoldError: If there is something, or the folder cannot be made.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        refuse_existing(folder)
    except OSError as error:
        raise TwofoldError(f"cannot write the classifier {folder}: {error.strerror}") from None
    try:
        yield
    finally:
        for place in new:
            with suppress(OSError):
                place.rmdir()


def refuse_existing(folder: Path) -> None:
    """Nothing is overwritten.

    Raises:
        TwofoldError: If there is something.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        raise TwofoldError(
            f"{folder} exists already and is empty: another fit is at work on it, or was killed; "
            "give another folder with --out, or delete it"
        )
    if folder.exists() or folder.is_symlink():
        raise TwofoldError(f"{folder} exists already: give another folder with --out, or delete it")


def load_classifier(folder: Path, *, value_range: str | None = None) -> Classifier:
    """The classifier that ``twofold fit`` wrote.

    Args:
        folder: Where it is.
        value_range: ``LOW:HIGH``, which become black and white in images of more than 8 bits; None is
            that of the images it was fitted on.

    Raises:
        UsageError: If this is no such folder.
        TwofoldError: If a file in it is missing or damaged.
    """
    network = load_class_network(folder)
    try:
        about = _read_about(folder / ABOUT)
        if value_range is not None:
            known = {"value_range": settings_from(None, None, value_range).value_range}
            about = replace(about, decode={**about.decode, **known})
        distance = Distance(**load_parts(folder / HEAD)["distance"])
        return Classifier(about, network.encoder, network.head, distance)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise TwofoldError(f"{folder} is damaged, or of another version of twofold: {error}") from error


def _read_about(file: Path) -> About:
    told = json.loads(file.read_text(encoding="utf-8"))
    return About(**{**told, "classes": tuple(told["classes"]), "scores": tuple(told["scores"])})
