"""What can be judged: a run, a checkpoint, public weights, random weights, raw pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.run import RunFolder
from twofold.core.source import Source
from twofold.evaluations._parts import parts_of, through
from twofold.nn import tokens
from twofold.nn.encoder import Encoder
from twofold.nn.public import public_encoder, torchvision_encoder
from twofold.nn.torchvision_backbone import PREFIX, smallest
from twofold.nn.weights import load_encoder
from twofold.train.warm_start import encoder_in

RANDOM_ENCODERS = 3
"""One random network may be lucky: their mean and spread are what counts."""

_PIXEL_SIDE = 32
_LARGEST_RANDOM = 224


@dataclass(frozen=True)
class Subject:
    """Something that turns images into vectors.

    Args:
        name: ``pixels``, ``random:NAME``, ``timm:NAME`` or a run's name.
        size: Side in pixels of the views that it is given.
        channels: Of these views.
        networks: Make it, in eval mode; where there are several, it is judged by their mean.
        encoder: The encoder's spec; None for raw pixels.
        run: The run folder, where it is a run.
        parts: Loads the modules that the run saved beside its encoder, by name.
    """

    name: str
    size: int
    channels: int
    networks: tuple[Callable[[], nn.Module], ...]
    encoder: dict[str, Any] | None = None
    run: Path | None = None
    parts: Callable[[], Mapping[str, nn.Module]] = dict

    @property
    def protocol(self) -> dict[str, Any]:
        """How it sees images, for the record."""
        seen = f"{self.size}x{self.size} pixels"
        if self.encoder is None:
            seen += ", flattened, standardised by channel"
        several = {"networks": len(self.networks)} if len(self.networks) > 1 else {}
        return {"view": seen, **several}


def resolve(text: str, source: Source) -> Subject:
    """The subject that a user names.

    Args:
        text: A run folder, its ``encoder.safetensors`` or ``last.ckpt``, ``timm:NAME``, ``torchvision:NAME``,
            ``random:NAME``, ``random:torchvision/NAME`` or ``pixels``; or ``RUN@projector``,
            ``RUN@projector.2``: a run up to one of its parts, or to a layer of it; or ``...@cls4``,
            ``...@cls+mean``: tokens of any vision transformer (see ``nn/tokens.py``).
        source: The data, which decides what ``random:NAME`` and ``pixels`` take.

    Raises:
        UsageError: If there is no such subject.
        TwofoldError: If its weights cannot be read or had.
    """
    whole, at, where = text.rpartition("@")
    if at and not Path(text).exists():
        return _inside(resolve(whole, source), where)
    kind, _, name = text.partition(":")
    if text == "pixels":
        return pixels(source)
    if kind == "random" and name:
        return random_encoder(
            {
                "name": name,
                "channels": source.channels,
                "size": _random_size(name, source),
                "mean": list(source.mean),
                "std": list(source.std),
            }
        )
    if kind == "timm" and name:
        return _with_weights(text, public_encoder(name))
    if kind == "torchvision" and name:
        return _with_weights(text, torchvision_encoder(name))
    return _from_path(Path(text))


def pixels(source: Source) -> Subject:
    """The evaluation view at no more than 32x32, flattened; channels standardised by the data's statistics.

    Without the mean taken out, all images look alike to a cosine: k-NN on CIFAR-10 falls from 40% to 31%.
    """
    network = _Pixels(source.mean, source.std).eval()
    return Subject("pixels", min(source.size, _PIXEL_SIDE), source.channels, (lambda: network,))


def random_encoder(spec: dict[str, Any]) -> Subject:
    """Untrained encoders of an architecture."""
    networks = tuple(partial(_random, spec, seed) for seed in range(RANDOM_ENCODERS))
    return Subject(f"random:{spec['name']}", spec["size"], spec["channels"], networks, encoder=spec)


def _from_path(path: Path) -> Subject:
    if path.is_dir():
        run = RunFolder.open(path).path
        weights = run / "encoder.safetensors"
        if not weights.is_file():
            raise TwofoldError(
                f"{path} has no encoder yet: its training was stopped; "
                f"go on with: twofold pretrain --resume {path}, or judge {path / 'last.ckpt'}"
            )
        return _with_weights(run.resolve().name, load_encoder(weights), run)
    if not path.is_file():
        raise UsageError(
            f"'{path}' is nothing to judge: neither a run folder, nor a checkpoint, "
            "nor timm:NAME, torchvision:NAME, random:NAME or pixels (see: twofold runs)"
        )
    encoder = encoder_in(path) if path.suffix == ".ckpt" else load_encoder(path)
    return _with_weights(f"{path.resolve().parent.name}/{path.name}", encoder)


def _with_weights(name: str, encoder: Encoder, run: Path | None = None) -> Subject:
    spec = encoder.spec
    subject = Subject(name, spec["size"], spec["channels"], (lambda: encoder,), encoder=spec, run=run)
    return subject if run is None else replace(subject, parts=partial(parts_of, RunFolder(run)))


def _inside(subject: Subject, where: str) -> Subject:
    """The subject whose vectors are tokens of its transformer, or those of a part or layer of its run."""

    def ends(make: Callable[[], nn.Module]) -> nn.Module:
        if not tokens.PATTERN.fullmatch(where):
            return through(make(), dict(subject.parts()), where)
        encoder = make()
        if not isinstance(encoder, Encoder):
            raise UsageError(f"@{where} is for vision transformers, and '{subject.name}' is none")
        return tokens.Tokens(encoder, where).eval()

    ends(subject.networks[0])  # what is not there is told before anything is judged
    networks = tuple(partial(ends, make) for make in subject.networks)
    return replace(subject, name=f"{subject.name}@{where}", networks=networks, parts=dict)


def _random_size(name: str, source: Source) -> int:
    """The images' own, where the network takes it."""
    size = min(source.size, _LARGEST_RANDOM)
    return max(size, smallest(name.removeprefix(PREFIX))) if name.startswith(PREFIX) else size


def _random(spec: dict[str, Any], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(**spec).eval()


class _Pixels(nn.Module):
    """The image itself as a vector."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        flat: Tensor = ((x - self.mean) / self.std).flatten(1)
        return flat
