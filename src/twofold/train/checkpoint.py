"""Checkpoints: written aside, renamed, verified on load."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from twofold.core.errors import TwofoldError
from twofold.core.files import write_aside


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replaces the checkpoint in one step; a kill at any moment leaves the old or the new one."""
    with write_aside(path) as aside:
        torch.save({"state": state, "digest": digest(state)}, aside)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that was saved, on the CPU.

    Nothing but tensors and plain values is read, so a hostile file runs no code.

    Raises:
        TwofoldError: If the file is missing, damaged or not a checkpoint.
    """
    if not path.is_file():
        raise TwofoldError(
            f"no checkpoint at {path}: the run was stopped before it wrote one; start it again"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Any] = content["state"]
        whole = content["digest"] == digest(state)
    except Exception as error:
        raise TwofoldError(f"{path} is not a readable checkpoint ({type(error).__name__})") from error
    if not whole:
        raise TwofoldError(f"{path} is damaged: its contents do not match its checksum")
    return state


def digest(state: Any) -> str:
    """Hash of every tensor's bits and every value, by name: equal exactly where two states are."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, value in _leaves("", state):
        hashed.update(name.encode())
        if isinstance(value, Tensor):
            hashed.update(str((value.dtype, tuple(value.shape))).encode())
            hashed.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        else:
            hashed.update(repr(value).encode())
    return hashed.hexdigest()


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _leaves(f"{name}/{key}", value[key])
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _leaves(f"{name}/{position}", item)
    else:
        yield name, value
