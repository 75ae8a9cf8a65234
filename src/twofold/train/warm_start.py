"""Where an encoder starts from: public weights, or another run."""

from pathlib import Path
from typing import Any

from twofold.core import registry
from twofold.core.errors import TwofoldError
from twofold.core.method import Method
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
    run = RunFolder.open(checkpoint.parent).run
    kind: type[Method] = registry.find("methods", run.method["name"])
    prefix = "encoder."
    try:
        # a method may build another encoder than it is asked for, as CMC does
        method = kind(lambda **changes: Encoder(**{**run.encoder, **changes}), **run.method["arguments"])
        encoder = method.encoder
        assert isinstance(encoder, Encoder)
        state = {
            name.removeprefix(prefix): tensor
            for name, tensor in load_checkpoint(checkpoint)["method"].items()
            if name.startswith(prefix)
        }
        encoder.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise TwofoldError(f"{checkpoint} holds no encoder as its run describes it: {reason}") from error
    return encoder.eval()


def _is_checkpoint(init: str) -> bool:
    return init.endswith(".ckpt")
