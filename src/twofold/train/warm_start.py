"""Where an encoder starts from: public weights, or another run."""

from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError
from twofold.core.run import Run, RunFolder
from twofold.nn.encoder import Encoder
from twofold.nn.public import require
from twofold.nn.weights import load_encoder
from twofold.train.checkpoint import load_checkpoint


def parent_of(init: str, encoder: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Specs of the encoder that starts there, and of the run's parents.

    Args:
        init: ``timm:NAME``, a run folder, or a checkpoint in one.
        encoder: Spec of the encoder that was chosen for the data.

    Raises:
        UsageError: If there are no such weights.
        TwofoldError: If they cannot be had now.
    """
    if init.startswith("timm:"):
        name = init.removeprefix("timm:")
        require(name)
        return {**encoder, "name": name}, {"init": init}
    if _is_checkpoint(init):
        path = Path(init).resolve()
        step = load_checkpoint(path)["step"]
        return encoder_in(path).spec, {"init": str(path), "init_step": step}
    path = RunFolder.open(Path(init)).path.resolve() / "encoder.safetensors"
    return load_encoder(path).spec, {"init": str(path)}


def initial_encoder(run: Run) -> Encoder:
    """The encoder that a run with parents starts from.

    Raises:
        TwofoldError: If its weights cannot be loaded.
    """
    init = run.parents["init"]
    if not init.startswith("timm:"):
        return encoder_in(Path(init)) if _is_checkpoint(init) else load_encoder(Path(init))
    try:
        return Encoder(**run.encoder, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise TwofoldError(f"the public weights {init} cannot be loaded: {error}") from error


def encoder_in(checkpoint: Path) -> Encoder:
    """The encoder inside a training's checkpoint, in eval mode; the run around it says what it is.

    Raises:
        TwofoldError: If the checkpoint is damaged, or not of the run that it lies in.
    """
    encoder = Encoder(**RunFolder.open(checkpoint.parent).run.encoder)
    prefix = "encoder."
    try:
        state = {
            name.removeprefix(prefix): tensor
            for name, tensor in load_checkpoint(checkpoint)["method"].items()
            if name.startswith(prefix)
        }
        encoder.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise TwofoldError(f"{checkpoint} holds no encoder as its run describes it: {error}") from error
    return encoder.eval()


def _is_checkpoint(init: str) -> bool:
    return init.endswith(".ckpt")
