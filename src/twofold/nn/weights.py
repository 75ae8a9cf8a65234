"""Encoders on disk: one safetensors file that carries its own description.

The only user of safetensors.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from twofold.core.errors import TwofoldError, UsageError
from twofold.core.files import write_aside
from twofold.nn.encoder import Encoder


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Writes the weights and the encoder's spec in one step; equal ones make equal files.

    Of the metadata there is one entry alone: safetensors writes several in another order every time.
    """
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in encoder.state_dict().items()}
    _write(state, path, {"twofold.encoder": json.dumps(encoder.spec, sort_keys=True)})


def save_parts(parts: Mapping[str, nn.Module], path: Path) -> None:
    """Writes the heads and other named modules beside the encoder; nothing where there are none."""
    state = {
        f"{name}.{key}": tensor.detach().contiguous().cpu()
        for name, module in parts.items()
        for key, tensor in module.state_dict().items()
    }
    if state:
        _write(state, path)


def load_encoder(path: Path) -> Encoder:
    """The encoder in eval mode.

    Raises:
        TwofoldError: If the file is missing, damaged or not written by ``save_encoder``.
    """
    metadata, state = _read(path)
    if "twofold.encoder" not in metadata:
        raise TwofoldError(f"{path} was not written by twofold: it does not say which encoder it holds")
    try:
        spec = json.loads(metadata["twofold.encoder"])
        encoder = Encoder(**{**spec, "pretrained": False})  # nothing is fetched because a file says so
        encoder.load_state_dict(state)
    except UsageError:
        raise
    except (ValueError, TypeError, RuntimeError, RecursionError, MemoryError) as error:
        raise TwofoldError(f"{path} is damaged: its weights are not those of its encoder ({error})") from None
    return encoder.eval()


def load_parts(path: Path) -> dict[str, dict[str, Tensor]]:
    """State of each module that ``save_parts`` wrote, by its name.

    Raises:
        TwofoldError: If the file is missing or damaged.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in _read(path)[1].items():
        part, _, key = name.partition(".")
        parts.setdefault(part, {})[key] = tensor
    return parts


def _write(state: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """What the system refuses arrives as an error of the system, which safetensors hides in a text."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with write_aside(path) as aside:
        aside.touch()
        mode = aside.stat().st_mode  # as any file here; safetensors makes one that nobody else may read
        try:
            save_file(state, aside, metadata)
            aside.chmod(mode)
        except SafetensorError as error:
            refused = re.search(r"os error (\d+)", str(error))
            if refused is None:
                raise
            number = int(refused[1])
            raise OSError(number, os.strerror(number), str(path)) from error


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return file.metadata() or {}, state
    except FileNotFoundError:
        raise TwofoldError(f"there is no file {path}") from None
    except (SafetensorError, OSError) as error:
        raise TwofoldError(f"{path} is not a readable safetensors file ({error})") from None
