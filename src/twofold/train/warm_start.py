"""Where an encoder starts from: public weights, or another run."""

from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError
from twofold.core.run import Run, RunFolder
from twofold.nn.encoder import Encoder
from twofold.nn.public import require
from twofold.nn.weights import load_encoder


def parent_of(init: str, encoder: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Specs of the encoder that starts there, and of the run's parents.

    Args:
        init: ``timm:NAME`` or a run folder.
        encoder: Spec of the encoder that was chosen for the data.

    Raises:
        UsageError: If there are no such weights.
        TwofoldError: If they cannot be had now.
    """
    if init.startswith("timm:"):
        name = init.removeprefix("timm:")
        require(name)
        return {**encoder, "name": name}, {"init": init}
    path = RunFolder.open(Path(init)).path.resolve() / "encoder.safetensors"
    return load_encoder(path).spec, {"init": str(path)}


def initial_encoder(run: Run) -> Encoder:
    """The encoder that a run with parents starts from.

    Raises:
        TwofoldError: If its weights cannot be loaded.
    """
    init = run.parents["init"]
    if not init.startswith("timm:"):
        return load_encoder(Path(init))
    try:
        return Encoder(**run.encoder, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise TwofoldError(f"the public weights {init} cannot be loaded: {error}") from error
