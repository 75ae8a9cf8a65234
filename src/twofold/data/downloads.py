"""Named data sets: found where they lie, else downloaded by torchvision."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twofold.core.errors import TwofoldError
from twofold.data.listing import Listing, Origin
from twofold.data.places import data_root
from twofold.data.scan import File, scan, whole_stamp

_PATIENCE = 30.0  # seconds that a silent server is waited for


def found(
    name: str,
    *,
    folders: Sequence[str],
    holding: Sequence[str],
    torchvision: str,
    options: Sequence[Mapping[str, Any]] = ({},),
    put: str,
) -> Path:
    """The folder of a named data set below ``$TWOFOLD_DATA``; downloads it if it is not there.

    Args:
        name: What the user calls it.
        folders: Where it may lie, relative to that folder; torchvision's place first.
        holding: Files and folders in it, each perhaps with ``.gz``, without which it is not whole.
        torchvision: Class of ``torchvision.datasets`` that downloads it.
        options: Of that class, once for each download.
        put: For the user without a network: which file, from where, into which folder.

    Raises:
        TwofoldError: If it is not there and cannot be downloaded.
    """
    root = data_root()
    folder = _whole(root, folders, holding)
    if folder is None:
        with _told_how(name, root, put):
            _download(root, torchvision, options)
        folder = _whole(root, folders, holding)
    if folder is None:
        raise TwofoldError(f"{name} in {root / folders[0]} is not whole: it needs {', '.join(holding)}")
    return folder


def origin_in(name: str, folder: Path, listing: Callable[[Path, Sequence[File]], Listing]) -> Origin:
    """The origin of a named data set that was found in ``folder``; ``listing`` is given it and its files."""
    files = scan(folder)
    return Origin(name, str(folder.resolve()), whole_stamp(files), lambda: listing(folder, files))


def _whole(root: Path, folders: Sequence[str], holding: Sequence[str]) -> Path | None:
    for folder in (root / name for name in folders):
        if all((folder / part).exists() or (folder / f"{part}.gz").exists() for part in holding):
            return folder
    return None


def _download(root: Path, name: str, options: Sequence[Mapping[str, Any]]) -> None:
    import torchvision.datasets

    root.mkdir(parents=True, exist_ok=True)
    there = set(root.iterdir())
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        for each in options:
            getattr(torchvision.datasets, name)(str(root), download=True, **each)
    finally:
        socket.setdefaulttimeout(patience)
        _remove_if_empty([path for path in root.iterdir() if path not in there])


def _remove_if_empty(folders: Sequence[Path]) -> None:
    """Removes what torchvision made before it knew that there is no network."""
    for folder in folders:
        with suppress(OSError):  # not a folder, or not empty
            folder.rmdir()


@contextmanager
def _told_how(name: str, root: Path, put: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the network, the server and the disk fail in their own ways
        raise TwofoldError(
            f"{name} is not in {root} and could not be downloaded ({error or type(error).__name__}); "
            f"put {put} there, or set TWOFOLD_DATA to a folder that has it"
        ) from None
