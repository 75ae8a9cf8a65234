"""The named parts of a run beside its encoder, and networks that end inside of one."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from twofold.core import registry
from twofold.core.errors import TwofoldError, UsageError, nearest
from twofold.core.run import RunFolder
from twofold.nn.encoder import Encoder
from twofold.nn.weights import load_parts
from twofold.train.teacher import load_teacher


def parts_of(folder: RunFolder) -> dict[str, nn.Module]:
    """The parts of a finished run that take its encoder's vectors, by name, in eval mode.

    A part that another one feeds stands behind that one.

    Raises:
        TwofoldError: If the file is damaged, or not of this run.
    """
    path = folder.path / "parts.safetensors"
    if not path.is_file():
        return {}
    run, states = folder.run, load_parts(path)

    def make_encoder(**changes: Any) -> Encoder:
        return Encoder(**{**run.encoder, **changes})

    method = registry.find("methods", run.method["name"])(make_encoder, **run.method["arguments"])
    if "teacher" in run.parents:
        method.learn_from(load_teacher(run.parents))
    method.setup(run.data["images"], run.data["classes"], run.steps)
    parts: dict[str, nn.Module] = {name: part for name, part in method.parts().items() if name in states}
    try:
        for name, part in parts.items():
            part.load_state_dict(states[name])
    except RuntimeError as error:
        raise TwofoldError(f"{path} is not of the run that it lies in: {error}") from None
    return {name: part.eval() for name, part in _fed(parts, method.fed_by).items()}


class Behind(nn.Module):
    """A part behind the one that feeds it."""

    def __init__(self, feeder: nn.Module, part: nn.Module) -> None:
        super().__init__()
        self.feeder = feeder
        self.part = part

    def forward(self, h: Float[Tensor, "b d"]) -> Tensor:
        """What the part makes of what the other one makes of the encoder's vectors."""
        made: Tensor = self.part(self.feeder(h))
        return made


def _fed(parts: Mapping[str, nn.Module], fed_by: Mapping[str, str | None]) -> dict[str, nn.Module]:
    """Each part as a function of the encoder's vectors, without those that take something else.

    A projector that gives back its input has no weights and is in no file: the encoder feeds what it feeds.
    """
    fed: dict[str, nn.Module] = {}
    for name, part in parts.items():
        feeder = fed_by.get(name, "encoder")
        if feeder is not None:
            fed[name] = Behind(fed[feeder], part) if feeder in fed else part
    return fed


class Through(nn.Module):
    """An encoder and one of its run's parts, up to a layer of that part."""

    def __init__(self, encoder: nn.Module, part: nn.Module, layer: nn.Module, where: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.part = part
        self.layer = layer
        self.where = where

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """What the layer makes of the encoder's features."""
        seen: list[Tensor] = []
        hook = self.layer.register_forward_hook(lambda *given: seen.append(given[2]))
        try:
            self.part(self.encoder(x))
        finally:
            hook.remove()
        if not seen or seen[-1].ndim != 2:
            raise UsageError(f"'{self.where}' gives no vector for an image: name another layer")
        return seen[-1]


def through(encoder: nn.Module, parts: dict[str, nn.Module], where: str) -> Through:
    """The network that ends at a part, or at a layer of it.

    Args:
        encoder: Of the run.
        parts: Of the run, as ``parts_of`` gives them.
        where: ``projector``, or ``projector.2`` for what its third layer gives.

    Raises:
        UsageError: If there is no such part or layer; the message carries those that there are.
    """
    name, _, layer = where.partition(".")
    if name not in parts:
        there = ", ".join(sorted(parts)) or "none"
        raise UsageError(
            f"the run has no part '{name}' that takes the vectors of its encoder{nearest(name, parts)}; "
            f"those that do: {there}"
        )
    whole = parts[name]
    layers = dict((whole.part if isinstance(whole, Behind) else whole).named_modules())
    if layer not in layers:
        raise UsageError(f"'{name}' has no layer '{layer}'; its layers: {', '.join(filter(None, layers))}")
    return Through(encoder, whole, layers[layer], where).eval()
