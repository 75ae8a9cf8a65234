"""Checkpoints: written aside, renamed, verified on load; the one before the last is kept."""

import hashlib
import pickletools
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from twofold.core import dist
from twofold.core.errors import TwofoldError, is_out_of_memory
from twofold.core.files import sync, write_aside

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
"""The two checkpoints of a run folder."""

_MOST_VALUES = 1_000_000
"""In a state; a training has some thousands."""

_MOST_NAMES = 4
"""Of one tensor, whose numbers a file holds once; a teacher's encoder has two."""


def keep_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Makes the state the last checkpoint of a run folder, and the last one the previous one.

    A kill at any moment leaves a whole checkpoint under at least one of the two names.
    """
    last = folder / LAST
    with write_aside(last) as aside:
        _write(aside, state)
        if last.exists():
            last.replace(folder / PREVIOUS)


def newest_checkpoint(folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """The state of a run folder's last checkpoint; of the previous one where the last is damaged.

    In that case the first process puts the previous one in the place of the damaged file, and tells it.

    Raises:
        TwofoldError: If there is none, or no whole one.
        OSError: If the disk, and not the file, fails: nothing is replaced then.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    if last.is_file():
        try:
            return load_checkpoint(last)
        except TwofoldError as error:
            damage = str(error)
    else:
        damage = f"{last} is missing"
    if not previous.is_file():
        raise TwofoldError(f"{damage}, and there is no {PREVIOUS} beside it: start the run again")
    try:
        state = load_checkpoint(previous)
    except TwofoldError as error:
        raise TwofoldError(f"{damage}, and {error}: start the run again") from None
    if dist.rank() == 0:
        previous.replace(last)
        sync(folder)
    tell(f"{damage}: going on from the checkpoint before it, of step {state['step']}")
    return state


def has_checkpoint(folder: Path) -> bool:
    """Whether a run folder holds any."""
    return (folder / LAST).exists() or (folder / PREVIOUS).exists()


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that was saved, on the CPU.

    Nothing but tensors and plain values is read, so a hostile file runs no code.

    Raises:
        TwofoldError: If the file is missing, damaged or not a checkpoint.
        OSError: If it cannot be read now.
    """
    if not path.is_file():
        raise TwofoldError(
            f"no checkpoint at {path}: the run was stopped before it wrote one; start it again"
        )
    try:
        _refuse_packed(path)
        _refuse_folded(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        state: dict[str, Any] = dict(content["state"])
        _refuse_bomb(state, path.stat().st_size)
        whole = content["digest"] == digest(state)
    except OSError:
        raise
    except Exception as error:  # hostile and damaged files fail in their own ways
        if is_out_of_memory(error):
            raise
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


def _write(path: Path, state: dict[str, Any]) -> None:
    with path.open("wb") as file:
        try:
            torch.save({"state": state, "digest": digest(state)}, file)
        except RuntimeError as error:  # torch hides what the disk said behind what it says itself
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None
    sync(path)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _leaves(f"{name}/{key}", value[key])
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _leaves(f"{name}/{position}", item)
    else:
        yield name, value


def _refuse_packed(path: Path) -> None:
    """What torch saves is a zip that packs nothing; a packed one may unpack to any size."""
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is packed")


def _refuse_folded(path: Path) -> None:
    """A tuple of two tuples of two tuples ... takes a few bytes, and for ever to be the key of a dict.

    No value is made to see that: what each instruction of the file does to a stack is known.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                _refuse_heavy(archive.read(name))


def _refuse_heavy(pickled: bytes) -> None:
    stack: list[int] = []  # how many values each entry stands for; 0 is a mark
    memo: dict[Any, int] = {}
    for code, argument, _ in pickletools.genops(pickled):
        taken = _taken(stack, code.stack_before)
        match code.name:
            case "MARK":
                stack.append(0)
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                stack += taken
                memo[len(memo)] = stack[-1]
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(1 + sum(taken))
            case "DUP":
                stack += 2 * taken
            case _:
                stack += [1] * len(code.stack_after)
        if stack and stack[-1] > _MOST_VALUES:
            raise ValueError("it holds more than its file")


def _taken(stack: list[int], kinds: Sequence[object]) -> list[int]:
    """What an instruction takes off the stack: so many entries, and before them all that a mark begins."""
    slices = (pickletools.markobject, pickletools.stackslice)
    taken: list[int] = []
    if pickletools.markobject in kinds:
        while top := stack.pop():
            taken.append(top)
    return taken + [stack.pop() for kind in kinds if kind not in slices]


def _refuse_bomb(state: Any, size: int) -> None:
    """A few bytes can say that one number fills a terabyte, or that a list holds itself."""
    waiting, seen, bytes_seen = [state], 0, 0
    while waiting:
        value = waiting.pop()
        seen += 1
        bytes_seen += value.nbytes if isinstance(value, Tensor) else 0
        if seen > _MOST_VALUES or bytes_seen > _MOST_NAMES * size:
            raise ValueError("it holds more than its file")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
